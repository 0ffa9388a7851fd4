#ifndef DRAY_CLIENT_FILE_UPLOAD_H_
#define DRAY_CLIENT_FILE_UPLOAD_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "client/channel.h"
#include "client/connection.h"
#include "client/file_chunks.h"
#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// One file to be put on its own, open for reading.
struct UploadRequest {
  int fd = -1;
  std::string local;  // for messages
  std::string remote;
  const wire::v1::Precondition* replaces = nullptr;
  Trust trust = Trust::kCache;
};

// Fills kind, size, mode and mtime.
wire::v1::Metadata MetadataOf(const struct stat& status);
// Whether both are the same state of the same file, as far as stat(2) can tell.
bool SameState(const struct stat& before, const struct stat& after);

// Puts a file of any size: hashes ahead on a thread of its own while this one sends what the server
// lacks. Retries, and starts over when the file changes meanwhile (at most 3 times, then
// FAILED_PRECONDITION). Memory: tens of MiB, whatever the file's size.
absl::StatusOr<wire::v1::PutDone> UploadFile(const Operation& operation, Channel* channel,
                                             const UploadRequest& request);

}  // namespace dray

#endif  // DRAY_CLIENT_FILE_UPLOAD_H_
