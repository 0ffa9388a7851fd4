#include "services/delta/engine/segments.h"

#include "services/delta/engine/convert.h"

namespace dray::delta {
namespace {

// Some 150 KB.
constexpr size_t kUsesInMessage = 8192;
constexpr int kMaxMoves = 8192;
constexpr int kMaxRetired = 8192;

absl::Status TooMany(const char* what, int most) {
  return absl::InvalidArgumentError(absl::StrCat("at most ", most, " ", what, " at once"));
}

}  // namespace

absl::StatusOr<bool> SegmentUseSource::Next(CatalogView& view,
                                            std::vector<v1::SegmentUsesResponse>* messages) {
  DRAY_ASSIGN_OR_RETURN(const auto uses, view.ReadSegmentUses(last_, kUsesInMessage));
  if (uses.empty()) return false;
  v1::SegmentUsesResponse& message = messages->emplace_back();
  for (const SegmentUse& use : uses) {
    auto* const out = message.add_uses();
    out->set_segment(static_cast<uint64_t>(use.id));
    out->set_chunks(use.chunks);
    out->set_stored(use.stored_bytes);
  }
  last_ = uses.back().id;
  return uses.size() == kUsesInMessage;
}

absl::Status MoveChunks(CatalogTransaction& transaction, const v1::MoveChunksRequest& request,
                        v1::MoveChunksResponse* response) {
  if (request.moves_size() > kMaxMoves) return TooMany("chunks are moved", kMaxMoves);
  uint64_t moved = 0;
  for (const auto& move : request.moves()) {
    DRAY_ASSIGN_OR_RETURN(const StoredChunk from, ChunkFromProto(move.from()));
    if (move.segment() == 0 || move.segment() == move.from().segment()) {
      return absl::InvalidArgumentError("a chunk is moved to another segment, which is not 0");
    }
    DRAY_ASSIGN_OR_RETURN(const bool was_there,
                          transaction.MoveChunk(from, SegmentId{move.segment()}, move.offset()));
    moved += was_there ? 1 : 0;
  }
  response->set_moved(moved);
  return absl::OkStatus();
}

absl::Status RetireSegments(CatalogTransaction& transaction,
                            const v1::RetireSegmentsRequest& request,
                            v1::RetireSegmentsResponse* response) {
  if (request.segments_size() > kMaxRetired) return TooMany("segments are retired", kMaxRetired);
  for (const uint64_t segment : request.segments()) {
    DRAY_ASSIGN_OR_RETURN(const bool retired, transaction.RetireSegment(SegmentId{segment}));
    if (retired) response->add_retired(segment);
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
