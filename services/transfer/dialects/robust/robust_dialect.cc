#include "services/transfer/dialects/robust/robust_dialect.h"

#include <utility>

#include "services/transfer/dialects/robust/connection.h"
#include "services/transfer/engine/dialect_metrics.h"

namespace dray::transfer::robust {
namespace {

using boost::asio::awaitable;

class RobustDialect final : public Dialect {
 public:
  RobustDialect(const Engine& engine, prometheus::Registry& registry, Options options)
      : engine_(engine), options_(std::move(options)), metrics_(registry, name()) {}

  std::string name() const override { return "robust"; }

  // A length far below 16 MiB.
  Match Matches(Bytes first) const override { return first[0] == 0 ? Match::kYes : Match::kNo; }

  awaitable<void> Serve(AcceptedSocket accepted) override {
    const std::shared_ptr<Admission> admission = accepted.admission;
    const auto connection =
        std::make_shared<Connection>(&engine_, &options_, &metrics_, std::move(accepted));
    admission->SetServed(connection);
    co_await connection->Serve();
  }

  awaitable<void> Refuse(AcceptedSocket accepted, absl::Status why) override {
    const std::shared_ptr<Admission> admission = accepted.admission;
    const auto connection =
        std::make_shared<Connection>(&engine_, &options_, &metrics_, std::move(accepted));
    admission->SetServed(connection);
    co_await connection->Refuse(std::move(why));
  }

 private:
  const Engine engine_;
  const Options options_;
  DialectMetrics metrics_;
};

}  // namespace

std::unique_ptr<Dialect> MakeDialect(const Engine& engine, prometheus::Registry& registry,
                                     Options options) {
  return std::make_unique<RobustDialect>(engine, registry, std::move(options));
}

}  // namespace dray::transfer::robust
