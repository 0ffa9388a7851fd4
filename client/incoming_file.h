#ifndef DRAY_CLIENT_INCOMING_FILE_H_
#define DRAY_CLIENT_INCOMING_FILE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/beneath_folder.h"
#include "client/file_chunks.h"
#include "client/jobs.h"
#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/chunking/tree_builder.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// A file that the server has, and where it goes.
struct RemoteFile {
  wire::v1::Version version;  // as the server told it: checked by CheckVersion
  std::shared_ptr<const BeneathFolder> base;
  std::string name;   // beneath `base`
  std::string local;  // for people
  Root root;          // version.root()
  int64_t at_ns = 0;  // when it has that path; 0: now

  uint64_t size_bytes() const { return version.metadata().size(); }
};

// Names the file's version to the server.
wire::v1::VersionRef ReferenceTo(const RemoteFile& file);

// Opens what stands at the file's target when that is a regular file; NOT_FOUND or
// FAILED_PRECONDITION otherwise.
absl::StatusOr<UniqueFd> OpenExisting(const RemoteFile& file);

// Refuses a FILE version that makes no sense (DATA_LOSS) and fills in `file->root`.
absl::Status CheckVersion(RemoteFile* file);

// Longer files are completed from what is there; what an interrupted get leaves of them is kept.
inline constexpr uint64_t kResumeBytes = 1 << 20;

// A file being written beside its target, as ".NAME.dray-part", until it is whole, proven and takes
// the target's name. The target is untouched before. Not thread-safe, but for Write and Copy to
// different places.
class IncomingFile {
 public:
  // Opens the part file; a part file that was left by an earlier get is opened as it is. ABORTED
  // when another process is at it. `file` outlives this.
  static absl::StatusOr<std::unique_ptr<IncomingFile>> Open(const RemoteFile& file);
  // Whether an interrupted get left something of the file.
  static bool LeftoverExists(const RemoteFile& file);
  // Removes the part file unless it is worth resuming from.
  ~IncomingFile();

  int part() const { return part_.get(); }
  bool has_leftover() const { return leftover_bytes_ > 0; }

  // Writes bytes that are known to be right. Zeroes become a hole.
  absl::Status Write(uint64_t offset_bytes, Bytes data);

  // Copies bytes of a local file. Whether they are the right ones has to be looked at afterwards.
  absl::Status Copy(int from, uint64_t from_offset, uint64_t offset_bytes, uint64_t length_bytes);

  // Sets length, mode and mtime, after which only the name is missing: TakeNames gives it.
  // REQUIRES: every byte is written and the whole is proven.
  absl::Status Seal(const GetOptions& options);
  // Seals it and gives it its name.
  absl::Status Finish(const GetOptions& options);
  // The part file is no good: it will be removed.
  void Discard() { discard_ = true; }
  // Whether the destructor would leave the part file behind.
  bool worth_keeping() const { return !finished_ && !discard_ && written_bytes_ >= kResumeBytes; }

 private:
  friend std::vector<absl::Status> TakeNames(absl::Span<IncomingFile* const> files, bool sync);
  IncomingFile(const RemoteFile& file, UniqueFd parent, std::string target);
  absl::Status Rename();

  const RemoteFile& file_;
  const UniqueFd parent_;
  const std::string target_;  // last name
  const std::string part_name_;
  UniqueFd part_;
  uint64_t leftover_bytes_ = 0;
  std::atomic<uint64_t> written_bytes_ = 0;  // leftover included
  bool finished_ = false;
  bool discard_ = false;
};

// Gives sealed files their names; with `sync` their contents are on disk before, and the names when
// this returns. The disk is waited for once for many files, not for one after the other. Returns
// how each fared.
std::vector<absl::Status> TakeNames(absl::Span<IncomingFile* const> files, bool sync);

// How the cache of hashes is used for what is here.
inline Trust TrustOf(const GetOptions& options) {
  return options.checksum ? Trust::kFile : Trust::kCache;
}

// Sets mode and mtime of an open file or folder as a version says, where they are not so already;
// special bits only if asked.
absl::Status SetMetadata(int fd, const wire::v1::Metadata& metadata, const GetOptions& options);

}  // namespace dray

#endif  // DRAY_CLIENT_INCOMING_FILE_H_
