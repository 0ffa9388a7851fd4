#include "services/transfer/engine/chunk_check.h"

#include <memory>

#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"

namespace dray::transfer {
namespace {

// Chunks hashed in one go: enough to keep three lanes busy, few enough to be in the cache still.
constexpr size_t kGroup = 12;

// Expands and hashes chunks in groups.
class GroupHasher {
 public:
  void Add(CheckedChunk* chunk) {
    const absl::StatusOr<Bytes> raw = RawChunk(chunk->frame, Scratch(chunk->frame));
    if (!raw.ok()) return;  // does not expand: not good
    chunks_[count_] = chunk;
    raw_[count_] = *raw;
    if (++count_ == kGroup) Flush();
  }

  void Flush() {
    HashChunks(absl::MakeConstSpan(raw_, count_), absl::MakeSpan(ids_, count_));
    for (size_t i = 0; i < count_; ++i) chunks_[i]->good = ids_[i] == chunks_[i]->frame.id;
    count_ = 0;
  }

 private:
  MutableBytes Scratch(const DataFrame& frame) {
    if (!frame.zstd) return {};
    if (scratch_ == nullptr) scratch_.reset(new uint8_t[kGroup * kMaxChunkBytes]);
    return {scratch_.get() + count_ * kMaxChunkBytes, kMaxChunkBytes};
  }

  size_t count_ = 0;
  CheckedChunk* chunks_[kGroup];
  Bytes raw_[kGroup];
  ChunkId ids_[kGroup];
  std::unique_ptr<uint8_t[]> scratch_;
};

absl::Status ParseSlice(const Slice& slice, std::vector<CheckedChunk>* chunks) {
  Bytes rest = slice.bytes;
  while (!rest.empty()) {
    if (rest.size() < kDataFrameOverheadBytes) {
      return absl::InvalidArgumentError("a data frame that is too short");
    }
    DRAY_ASSIGN_OR_RETURN(const size_t length, DataFrameLength(rest.data()));
    if (length > rest.size()) {
      return absl::InvalidArgumentError("a data frame that is longer than it says");
    }
    const Bytes whole = rest.first(length);
    DRAY_ASSIGN_OR_RETURN(DataFrame frame, ParseDataFrame(whole));
    chunks->push_back(CheckedChunk{frame, Slice{slice.slab, whole}, false});
    rest.remove_prefix(length);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<CheckedChunk>> CheckChunks(const DataRun& run) {
  std::vector<CheckedChunk> chunks;
  chunks.reserve(run.frames());
  for (const Slice& slice : run.slices()) DRAY_RETURN_IF_ERROR(ParseSlice(slice, &chunks));
  GroupHasher hasher;
  for (CheckedChunk& chunk : chunks) hasher.Add(&chunk);
  hasher.Flush();
  return chunks;
}

absl::Status DiffersFromItsId(const ChunkId& id) {
  return absl::AbortedError(absl::StrCat(
      "chunk ", id.hex(), " differs from its id: did the file change while it was read?"));
}

}  // namespace dray::transfer
