#ifndef DRAY_CLIENT_OLD_COPY_H_
#define DRAY_CLIENT_OLD_COPY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "client/file_chunks.h"
#include "client/incoming_file.h"
#include "core/base/bytes.h"

namespace dray {

// A small file to be got, and what is known of its older copy: what stands at its target.
struct SmallGet {
  RemoteFile remote;
  // The older copy's chunks; empty: there is none of use. Nothing: it was not looked at.
  std::optional<std::vector<ChunkEntry>> old_chunks;
  // So many of them, from the first on, are named in the request under way.
  size_t named = 0;

  absl::Span<const ChunkEntry> named_chunks() const {
    if (!old_chunks) return {};
    return absl::MakeConstSpan(*old_chunks).first(named);
  }
};

// Looks at what stands at the target, unless that was done: in the cache of hashes, or by reading
// it. Too short a file is got whole.
void LookForOldCopy(SmallGet* file, HashCache* cache, Trust trust);

// The contents of an older copy, read when they are needed. Only a source: the file may have
// changed, or gone, since its chunks were named, and what is taken from it has to be compared with
// its id. Memory: 2 MiB at most. Not thread-safe.
class OldCopy {
 public:
  // Both outlive this; `chunks` are the first ones of what stands at the file's target.
  OldCopy(const RemoteFile& file, absl::Span<const ChunkEntry> chunks)
      : file_(file), chunks_(chunks) {}

  absl::Span<const ChunkEntry> chunks() const { return chunks_; }
  // The bytes of chunks [first, first + count), unchecked; empty when there are no such chunks, or
  // the file is shorter now.
  Bytes Read(size_t first, size_t count);

 private:
  void ReadAll();

  const RemoteFile& file_;
  const absl::Span<const ChunkEntry> chunks_;
  std::optional<std::vector<uint8_t>> bytes_;  // as far as the file reaches
};

}  // namespace dray

#endif  // DRAY_CLIENT_OLD_COPY_H_
