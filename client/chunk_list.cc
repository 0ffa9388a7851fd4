#include "client/chunk_list.h"

#include <string_view>

#include "client/call.h"
#include "client/file_writer.h"
#include "client/node_list.h"
#include "core/base/bytes.h"
#include "core/chunking/chunker.h"
#include "core/chunking/tree_builder.h"

namespace dray {
namespace {

constexpr size_t kEntryBytes = kDigestBytes + 4;

// A list that is told in order, checked as it grows.
class ListBuilder {
 public:
  explicit ListBuilder(const RemoteFile& file) : file_(file) {}

  absl::Status Add(const ChunkId& id, uint64_t length) {
    const uint64_t left = file_.size_bytes() - builder_.length_bytes();
    if (length == 0 || length > kMaxChunkBytes || length > left ||
        (length < kMinChunkBytes && length < left)) {
      return LossOf(file_, "a list of chunks with an impossible length");
    }
    chunks_.push_back({id, builder_.length_bytes(), static_cast<uint32_t>(length)});
    builder_.Add(id, static_cast<uint32_t>(length));
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<FileChunk>> Finish() {
    if (builder_.Finish() != file_.root) {
      return LossOf(file_, "the server's list of chunks is not that of the version that it named");
    }
    if (builder_.length_bytes() != file_.size_bytes()) {
      return LossOf(file_, "the server's sizes do not add up");
    }
    return std::move(chunks_);
  }

 private:
  const RemoteFile& file_;
  TreeBuilder builder_{{}};
  std::vector<FileChunk> chunks_;
};

absl::StatusOr<std::vector<FileChunk>> ReceiveEntries(const std::shared_ptr<Connection>& connection,
                                                      const RemoteFile& file) {
  wire::v1::GetEntries question;
  *question.mutable_version() = ReferenceTo(file);
  DRAY_ASSIGN_OR_RETURN(const auto call, Call::Start(connection, FrameType::kGetEntries, question,
                                                     FrameType::kEntries));
  ListBuilder list(file);
  for (bool last = false; !last;) {
    wire::v1::Entries answer;
    DRAY_RETURN_IF_ERROR(call->Receive(&answer));
    last = answer.last();
    if (answer.entries().empty() && !last) return LossOf(file, "a list of chunks without chunks");
    const Bytes bytes = AsBytes(answer.entries());
    if (bytes.size() % kEntryBytes != 0) return LossOf(file, "a list of chunks of an odd length");
    for (size_t at = 0; at < bytes.size(); at += kEntryBytes) {
      DRAY_RETURN_IF_ERROR(list.Add(ChunkId::Load(bytes.data() + at),
                                    LoadBigEndian<uint32_t>(bytes.data() + at + kDigestBytes)));
    }
  }
  return list.Finish();
}

}  // namespace

absl::StatusOr<std::vector<FileChunk>> ReceiveChunkList(
    const std::shared_ptr<Connection>& connection, const RemoteFile& file,
    absl::Span<const LocalSource> sources) {
  if (!connection->Require(wire::v1::NODES).ok()) return ReceiveEntries(connection, file);
  ListBuilder list(file);
  const absl::Status status =
      VisitRemoteChunks(connection, file, sources,
                        [&](const ChunkId& id, uint64_t length) { return list.Add(id, length); });
  // Its delta is older than its front door.
  if (absl::IsUnimplemented(status)) return ReceiveEntries(connection, file);
  DRAY_RETURN_IF_ERROR(status);
  return list.Finish();
}

}  // namespace dray
