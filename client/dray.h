#ifndef DRAY_CLIENT_DRAY_H_
#define DRAY_CLIENT_DRAY_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/jobs.h"
#include "client/options.h"
#include "client/sync/sync_options.h"
#include "client/tracker.h"
#include "client/wire_error.h"
#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

// The client library. Start here; client/example/ shows it in use.
namespace dray {

// What became of a put or get. `status` is about the operation as a whole (the server cannot be
// reached, it was cancelled); files that failed on their own are counted in summary.failed and do
// not keep the others from being done.
struct Outcome {
  absl::Status status;
  Summary summary;

  // Everything was done.
  bool ok() const { return status.ok() && summary.failed == 0; }
};

// A way to one server. Connects when first needed and keeps idle connections for later.
// Thread-safe: operations may run at the same time. Blocks; errors that may pass are retried as the
// options say. Remote paths are relative to the server's top, names in them any bytes but NUL and
// '/' (core/base/path.h). Error codes are the canonical ones; the texts say what was wrong and what
// to do.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Puts files, links and whole folders; only what the server lacks is sent. A link given is put as
  // a link.
  Outcome Put(absl::Span<const PutJob> jobs, const PutOptions& options = {});
  // Gets files, links and whole folders; only what is not there is asked for. Files are replaced
  // whole, or left untouched.
  Outcome Get(absl::Span<const GetJob> jobs, const GetOptions& options = {});

  // Makes one folder as another is; only what differs is put or got, and nothing else is looked
  // into. NOT_FOUND where there is no source.
  Outcome Sync(const SyncJob& job, const SyncOptions& options = {});

  // Number 0 is the newest version. NOT_FOUND where nothing is. With `at_ns`, nanoseconds since
  // 1970 that are in the past, the path is what it was then, and number 0 its newest version of
  // then.
  absl::StatusOr<wire::v1::Version> Stat(const std::string& path, uint64_t number = 0,
                                         int64_t at_ns = 0);
  // Depth first, names in byte order; an error of `on_version` ends it and is returned. With
  // `at_ns`, what was there then.
  absl::Status List(const std::string& path, bool recursive,
                    const std::function<absl::Status(const wire::v1::Version&)>& on_version,
                    int64_t at_ns = 0);
  // The versions of one path.
  absl::Status History(const std::string& path,
                       const std::function<absl::Status(const wire::v1::Version&)>& on_version);

  // These return the new version, and how many entries were changed.
  absl::StatusOr<wire::v1::Changed> Move(const std::string& from, const std::string& to);
  absl::StatusOr<wire::v1::Changed> Delete(const std::string& path, bool recursive);
  // Makes version `number` the newest one; 0 undoes the deletion of the path and what was deleted
  // with it.
  absl::StatusOr<wire::v1::Changed> Restore(const std::string& path, uint64_t number);

  // The rules of how long old versions are kept, in byte order of their paths. To a name applies
  // the one with the longest path that it is or lies beneath; without one, everything is kept.
  absl::StatusOr<std::vector<wire::v1::Retention>> Retentions();
  // Sets the rule for retention.path() and all beneath it, whether or not something is there.
  absl::Status SetRetention(const wire::v1::Retention& retention);
  // Removes the rule for `path`, if there is one; that of a folder above may apply then.
  absl::Status RemoveRetention(const std::string& path);

  absl::StatusOr<wire::v1::StatusReply> Status();

  // Ends whatever runs, soon, with CANCELLED; for good. Thread-safe, but not for signal handlers.
  void Cancel();

  // Bytes at the sockets since the client was made.
  uint64_t bytes_sent() const;
  uint64_t bytes_received() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_DRAY_H_
