#include "services/transfer/dialects/native/native_dialect.h"

#include <utility>

#include "core/framing/frame.h"
#include "core/telemetry/logging.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/dialect_metrics.h"
#include "services/transfer/engine/retry_advice.h"

namespace dray::transfer::native {
namespace {

constexpr std::chrono::milliseconds kLingerTime{1000};

class NativeDialect final : public Dialect {
 public:
  NativeDialect(const Engine& engine, prometheus::Registry& registry, Options options)
      : engine_(engine), options_(std::move(options)), metrics_(registry, name()) {}

  std::string name() const override { return "native"; }

  Match Matches(Bytes first) const override {
    return first[0] == kPreface[0] ? Match::kYes : Match::kNo;
  }

  boost::asio::awaitable<void> Serve(AcceptedSocket accepted) override {
    const std::shared_ptr<Admission> admission = accepted.admission;
    const auto connection =
        std::make_shared<Connection>(&engine_, &options_, &metrics_, std::move(accepted));
    admission->SetServed(connection);
    co_await connection->Serve();
  }

  boost::asio::awaitable<void> Refuse(AcceptedSocket accepted, absl::Status why) override {
    spdlog::warn("{} refused: {}", accepted.peer, why.ToString());
    metrics_.CountError(why.code());
    wire::v1::Error error;
    const RetryAdvice advice = AdviceFor(why);
    error.set_code(static_cast<int>(why.code()));
    error.set_message(std::string(why.message()));
    error.set_retry(advice.retry);
    error.set_retry_after_ms(advice.after_ms);
    std::string frames(AsText(kPreface));
    AppendControlFrame(FrameType::kError, 0, error, &frames);
    const auto transport = std::make_shared<Transport>(
        std::move(accepted.socket), &metrics_.bytes_received, &metrics_.bytes_sent);
    transport->Send(frames);
    transport->EndOutput();
    co_await transport->Linger(kLingerTime);
    transport->Abort();
  }

 private:
  const Engine engine_;
  const Options options_;
  DialectMetrics metrics_;
};

}  // namespace

std::unique_ptr<Dialect> MakeDialect(const Engine& engine, prometheus::Registry& registry,
                                     Options options) {
  return std::make_unique<NativeDialect>(engine, registry, std::move(options));
}

}  // namespace dray::transfer::native
