#ifndef DRAY_CLIENT_HASH_CACHE_H_
#define DRAY_CLIENT_HASH_CACHE_H_

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "client/file_hasher.h"
#include "core/base/status.h"
#include "core/database/database.h"

namespace dray {

// What stat(2) tells of a file's contents. Whoever writes to a file changes its ctime, which no
// call sets back as utimensat(2) does with the mtime.
struct FileState {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;

  static FileState Of(const struct stat& status);
  friend bool operator==(const FileState&, const FileState&) = default;
};

// Remembers between runs which chunks a file had in which state, so that an unchanged file is not
// read again: in pages of neighbouring chunks, each known by where in the file it starts. A cache
// and nothing more: if its file is damaged, locked, not to be written or of another format, files
// are read. Each page has a checksum over the file's state and its entries, so that damage that
// SQLite does not see is seen here. Several processes may use one folder at a time. Thread-safe.
class HashCache {
 public:
  struct Options {
    // Made if need be; has to belong to this user. Empty: nothing is remembered.
    std::string folder;
    // What the database may take on disk; beyond it, what was not asked for the longest goes. 1 GiB
    // is enough for a tree of a terabyte and a half.
    uint64_t limit_bytes = uint64_t{1} << 30;
  };
  // The most chunks of one page.
  static constexpr size_t kPageChunks = 1024;
  // Contents read sooner than this after the ctime are not remembered: another write might yet get
  // the same ctime, whose steps are those of a clock's tick, or of 2 s on some filesystems.
  static constexpr absl::Duration kMinAge = absl::Seconds(2);

  // Opens the file when it is first needed.
  explicit HashCache(Options options);
  // Writes what is still to be written.
  ~HashCache();
  HashCache(const HashCache&) = delete;
  HashCache& operator=(const HashCache&) = delete;

  // The chunks that start at `start_bytes` in the file in this state, if they are known. Never
  // empty, and with lengths that chunks may have.
  std::optional<std::vector<ChunkEntry>> Find(const FileState& state, uint64_t start_bytes);
  // Keeps a page for later. `read_since` is a time before which nothing of the file was read.
  // REQUIRES: at most kPageChunks.
  void Keep(const FileState& state, uint64_t start_bytes, absl::Time read_since,
            absl::Span<const ChunkEntry> chunks);
  // Drops all pages of the file, whatever its state.
  void Forget(const FileState& state);

 private:
  struct Row {
    FileState state;
    uint64_t start_bytes = 0;
    std::string entries;  // of Find only: empty, the row was used
  };

  bool Ready() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<std::optional<std::vector<ChunkEntry>>> Select(const FileState& state,
                                                                uint64_t start_bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Enqueue(Row row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Flush() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status WriteAll(const std::vector<Row>& rows) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Write(const Row& row) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Remove(const FileState& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status DropOld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Nothing is looked up or kept any more; a file that is damaged, or not
  // what it should be, is removed, so that the next run has a good one.
  void GiveUp(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  const std::string file_;
  const int64_t today_;

  absl::Mutex mu_;
  bool given_up_ ABSL_GUARDED_BY(mu_);
  std::unique_ptr<Database> database_ ABSL_GUARDED_BY(mu_);
  std::vector<Row> pending_ ABSL_GUARDED_BY(mu_);
  size_t pending_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace dray

#endif  // DRAY_CLIENT_HASH_CACHE_H_
