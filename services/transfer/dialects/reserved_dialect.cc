#include "services/transfer/dialects/reserved_dialect.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/telemetry/logging.h"

namespace dray::transfer {
namespace {

class ReservedDialect final : public Dialect {
 public:
  ReservedDialect(std::string name, std::vector<std::string_view> beginnings)
      : name_(std::move(name)), beginnings_(std::move(beginnings)) {}

  std::string name() const override { return name_; }

  Match Matches(Bytes first) const override {
    const std::string_view text = AsText(first);
    bool undecided = false;
    for (const std::string_view beginning : beginnings_) {
      const size_t common = std::min(text.size(), beginning.size());
      if (text.substr(0, common) != beginning.substr(0, common)) continue;
      if (common == beginning.size()) return Match::kYes;
      undecided = true;
    }
    return undecided ? Match::kUndecided : Match::kNo;
  }

  boost::asio::awaitable<void> Serve(AcceptedSocket accepted) override {
    spdlog::info("{} closed: it speaks {}, which this server does not", accepted.peer, name_);
    co_return;
  }

  boost::asio::awaitable<void> Refuse(AcceptedSocket accepted, absl::Status) override {
    return Serve(std::move(accepted));
  }

 private:
  const std::string name_;
  const std::vector<std::string_view> beginnings_;
};

}  // namespace

std::vector<std::unique_ptr<Dialect>> ReservedDialects() {
  std::vector<std::unique_ptr<Dialect>> dialects;
  dialects.push_back(
      std::make_unique<ReservedDialect>("TLS", std::vector<std::string_view>{"\x16\x03"}));
  dialects.push_back(std::make_unique<ReservedDialect>(
      "HTTP", std::vector<std::string_view>{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ",
                                            "CONNECT ", "PATCH ", "PRI * HTTP/2"}));
  return dialects;
}

}  // namespace dray::transfer
