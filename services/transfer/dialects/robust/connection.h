#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_CONNECTION_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_CONNECTION_H_

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "core/base/status.h"
#include "services/transfer/dialects/classic_stream.h"
#include "services/transfer/dialects/dialect.h"
#include "services/transfer/dialects/robust/options.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/engine.h"

namespace dray::transfer::robust {

// One connection, which is one download. On the socket's executor, but for Drain() and Abort().
class Connection final : public ServedConnection, public std::enable_shared_from_this<Connection> {
 public:
  // All pointers outlive it.
  Connection(const Engine* engine, const Options* options, DialectMetrics* metrics,
             AcceptedSocket accepted);

  // Serves until the connection has ended.
  boost::asio::awaitable<void> Serve();
  // Says why it is not served, and ends.
  boost::asio::awaitable<void> Refuse(absl::Status why);

  void Drain() override;
  void Abort() override;

 private:
  boost::asio::awaitable<absl::StatusOr<std::string>> ReceiveName();
  // `*answered`: "OK" was sent, and an error can no longer be told.
  boost::asio::awaitable<absl::Status> SendFile(std::string name, bool* answered);

  const std::shared_ptr<Admission> admission_;
  const Engine* const engine_;
  const Options* const options_;
  const Activity::Connection activity_;
  const std::shared_ptr<ClassicStream> stream_;
  bool busy_ = false;  // a request has come
};

}  // namespace dray::transfer::robust

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_CONNECTION_H_
