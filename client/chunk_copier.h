#ifndef DRAY_CLIENT_CHUNK_COPIER_H_
#define DRAY_CLIENT_CHUNK_COPIER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "client/cancellation.h"
#include "client/chunk_list.h"
#include "client/incoming_file.h"
#include "core/base/status.h"

namespace dray {

// A chunk of the file that lies in a local one.
struct LocalCopy {
  FileChunk chunk;
  int from = -1;
  uint64_t from_offset = 0;
};

// Puts chunks into a part file from local files, which are not trusted: each chunk is read where it
// then lies and compared with its id.
class ChunkCopier {
 public:
  // Told of bytes that are right; from two threads. All outlive this.
  ChunkCopier(IncomingFile* incoming, const Cancellation* cancellation,
              std::function<void(uint64_t bytes)> on_done)
      : incoming_(incoming), cancellation_(cancellation), on_done_(std::move(on_done)) {}

  // Copies chunks, in ascending order. Returns the indices of those that came out as something
  // else, ascending.
  absl::StatusOr<std::vector<size_t>> Copy(absl::Span<const LocalCopy> copies) const;

  // Which of the chunks lie in the part file already, at their places.
  absl::StatusOr<std::vector<bool>> CheckInPlace(absl::Span<const FileChunk> chunks) const;

 private:
  struct Run;
  // What the threads of Copy() share.
  struct Progress {
    absl::Mutex mutex;
    size_t next ABSL_GUARDED_BY(mutex) = 0;  // run
    std::vector<size_t> wrong ABSL_GUARDED_BY(mutex);
    absl::Status status ABSL_GUARDED_BY(mutex);
  };

  static std::vector<Run> RunsOf(absl::Span<const LocalCopy> copies);
  void CopyRuns(absl::Span<const LocalCopy> copies, absl::Span<const Run> runs,
                Progress* progress) const;
  absl::Status CopyRun(absl::Span<const LocalCopy> copies, const Run& run) const;

  IncomingFile* const incoming_;
  const Cancellation* const cancellation_;
  const std::function<void(uint64_t bytes)> on_done_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_CHUNK_COPIER_H_
