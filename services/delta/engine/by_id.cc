#include "services/delta/engine/by_id.h"

#include <string>

#include "core/base/bytes.h"
#include "core/chunking/node.h"
#include "services/delta/engine/convert.h"

namespace dray::delta {
namespace {

// Answers stay below gRPC's 4 MiB: a node has 10 KiB at most, a chunk's place some 70 bytes.
constexpr size_t kMaxNodes = 128;
constexpr size_t kMaxChunks = 8192;

absl::Status CheckIds(const std::string& ids, size_t most) {
  if (ids.size() % kDigestBytes == 0 && ids.size() / kDigestBytes <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("ids have 32 bytes each, and at most ", most, " are asked for at once"));
}

}  // namespace

absl::Status ReadNodesById(CatalogView& view, const v1::ReadNodesRequest& request,
                           v1::ReadNodesResponse* response) {
  DRAY_RETURN_IF_ERROR(CheckIds(request.node_ids(), kMaxNodes));
  const Bytes ids = AsBytes(request.node_ids());
  for (size_t at = 0; at < ids.size(); at += kDigestBytes) {
    const absl::StatusOr<Node> node = view.ReadNode(NodeId::Load(ids.data() + at));
    std::string* const encoding = response->add_encodings();
    if (absl::IsNotFound(node.status())) continue;
    if (!node.ok()) return node.status();
    *encoding = EncodeNode(*node);
  }
  return absl::OkStatus();
}

absl::Status FindChunksById(CatalogView& view, const v1::FindChunksRequest& request,
                            v1::FindChunksResponse* response) {
  DRAY_RETURN_IF_ERROR(CheckIds(request.chunk_ids(), kMaxChunks));
  const Bytes ids = AsBytes(request.chunk_ids());
  for (size_t at = 0; at < ids.size(); at += kDigestBytes) {
    DRAY_ASSIGN_OR_RETURN(const auto chunk, view.FindChunk(ChunkId::Load(ids.data() + at)));
    auto* const found = response->add_chunks();
    if (chunk) ChunkToProto(*chunk, found);
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
