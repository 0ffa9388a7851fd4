#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_SMART_CONNECTION_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_SMART_CONNECTION_H_

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "core/base/status.h"
#include "dray/wire/v1/version.pb.h"
#include "services/transfer/dialects/classic_stream.h"
#include "services/transfer/dialects/dialect.h"
#include "services/transfer/dialects/smart/command.h"
#include "services/transfer/dialects/smart/options.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/engine.h"

namespace dray::transfer::smart {

// One connection: commands, one after the other. On the socket's executor, but for Drain() and
// Abort().
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

  // ---- For the commands ----

  const Engine& engine() const { return *engine_; }
  const Options& options() const { return *options_; }
  const Activity::Connection& activity() const { return activity_; }
  ClassicStream& stream() { return *stream_; }
  // Who is said to have made a version: where the connection comes from.
  const std::string& author() const { return author_; }

  // Answers with an error, after which the next command is read. The error returned is the
  // connection's.
  boost::asio::awaitable<absl::Status> Reject(const Command& command, absl::Status why,
                                              std::string answer);
  // A text that the client sends in the middle of a command.
  boost::asio::awaitable<absl::StatusOr<std::string>> ReceiveText();

 private:
  boost::asio::awaitable<absl::Status> ServeCommands();
  boost::asio::awaitable<absl::Status> Run(Command command);
  boost::asio::awaitable<absl::Status> List(Command command);
  boost::asio::awaitable<absl::Status> Upload(Command command);
  boost::asio::awaitable<absl::Status> ReceiveFile(Command command, uint64_t size,
                                                   wire::v1::Metadata metadata);
  boost::asio::awaitable<absl::Status> Delete(Command command);

  const std::shared_ptr<Admission> admission_;
  const Engine* const engine_;
  const Options* const options_;
  const Activity::Connection activity_;
  const std::string author_;
  const std::shared_ptr<ClassicStream> stream_;
  bool busy_ = false;  // with a command
  bool draining_ = false;
};

// "ERROR_UNAVAILABLE: ..." for what failed on this side.
std::string ErrorAnswer(const absl::Status& status);

// DOWNLOAD and UPLOAD_DELTA, which are conversations of their own. An error is the connection's.
boost::asio::awaitable<absl::Status> RunDownload(Connection* connection, Command command);
boost::asio::awaitable<absl::Status> RunUploadDelta(Connection* connection, Command command);

}  // namespace dray::transfer::smart

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_SMART_CONNECTION_H_
