#include "services/transfer/testing/test_file.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

#include "core/base/random.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/framing/data_frame.h"
#include "core/subchunk/signature.h"

namespace dray::transfer {

TestFile::TestFile(std::string bytes) : content(std::move(bytes)) {
  TreeBuilder builder([this](TreeBuilder::FinishedNode node) { nodes.push_back(std::move(node)); });
  Bytes rest = AsBytes(content);
  while (!rest.empty()) {
    const size_t length = CutChunk(rest);
    const Bytes raw = rest.first(length);
    const ChunkId id = Sha256(raw).As<ChunkTag>();
    chunks.push_back({id, std::string(AsText(raw))});
    builder.Add(id, static_cast<uint32_t>(length));
    rest.remove_prefix(length);
  }
  root = builder.Finish();
}

wire::v1::Metadata TestFile::metadata() const {
  wire::v1::Metadata metadata;
  metadata.set_kind(wire::v1::FILE);
  metadata.set_mode(0644);
  metadata.set_mtime_ns(1'700'000'000'123'456'789);
  metadata.set_size(content.size());
  return metadata;
}

wire::v1::BatchItem TestFile::ToBatchItem(const std::string& path) const {
  wire::v1::BatchItem item;
  item.set_path(path);
  *item.mutable_metadata() = metadata();
  for (const Chunk& chunk : chunks) {
    auto* const to = item.add_chunks();
    to->set_id(std::string(chunk.id.view()));
    to->set_length(static_cast<uint32_t>(chunk.bytes.size()));
  }
  return item;
}

std::string RandomContent(size_t bytes, uint32_t seed) {
  std::mt19937_64 random(seed);
  std::string content(bytes, '\0');
  for (size_t i = 0; i < bytes; i += 8) {
    const uint64_t word = random();
    std::memcpy(content.data() + i, &word, std::min<size_t>(8, bytes - i));
  }
  return content;
}

std::string DataFrameOf(const ChunkId& id, std::string_view raw) {
  const DataFrame frame{.id = id,
                        .raw_bytes = static_cast<uint32_t>(raw.size()),
                        .zstd = false,
                        .body = AsBytes(raw)};
  std::string bytes(kDataFrameOverheadBytes, '\0');
  WriteDataFrameHead(frame, reinterpret_cast<uint8_t*>(bytes.data()));
  bytes.append(raw);
  return bytes;
}

std::string NewOperationId() { return RandomBytes(16); }

std::string DeltaAgainst(const wire::v1::PutBase& base, std::string_view content) {
  const BlockSignature signature =
      BlockSignature::Load(base.block_bytes(), AsBytes(base.hashes())).value();
  std::string delta(content.size(), '\0');
  const MutableBytes out(reinterpret_cast<uint8_t*>(delta.data()), delta.size());
  delta.resize(signature.MakeDelta(AsBytes(content), out).value());
  return delta;
}

absl::Status OpenUpload(WireClient* client, uint16_t request, const std::string& path) {
  wire::v1::PutOpen open;
  open.set_path(path);
  open.set_operation_id(NewOperationId());
  return client->Send(FrameType::kPutOpen, request, open)
             ? absl::OkStatus()
             : absl::UnavailableError("the connection is closed");
}

absl::StatusOr<std::vector<TestFile::Chunk>> OfferFile(WireClient* client, uint16_t request,
                                                       const TestFile& file) {
  wire::v1::PutOffer offer;
  for (const auto& node : file.nodes) offer.mutable_node_ids()->append(node.id.view());
  DRAY_ASSIGN_OR_RETURN(const auto frame,
                        client->Call(FrameType::kPutOffer, request, offer, FrameType::kPutKnown));
  const auto known = frame.As<wire::v1::PutKnown>();
  std::vector<TestFile::Chunk> wanted;
  size_t next_chunk = 0;
  for (uint64_t ordinal = 0; ordinal < file.nodes.size(); ++ordinal) {
    const auto& node = file.nodes[ordinal].node;
    const size_t first_chunk = next_chunk;
    if (node.level == 0) next_chunk += node.entries.size();
    const auto& unknown = known.unknown();
    if (std::find(unknown.begin(), unknown.end(), ordinal) == unknown.end()) continue;
    wire::v1::PutNode put;
    put.set_ordinal(ordinal);
    put.set_encoding(file.nodes[ordinal].encoding);
    DRAY_ASSIGN_OR_RETURN(const auto answer,
                          client->Call(FrameType::kPutNode, request, put, FrameType::kPutWanted));
    const auto put_wanted = answer.As<wire::v1::PutWanted>();
    for (const uint32_t index : put_wanted.missing()) {
      wanted.push_back(file.chunks[first_chunk + index]);
    }
  }
  return wanted;
}

absl::StatusOr<wire::v1::PutDone> CommitUpload(WireClient* client, uint16_t request,
                                               const TestFile& file) {
  wire::v1::PutCommit commit;
  commit.set_root(std::string(file.root.view()));
  *commit.mutable_metadata() = file.metadata();
  DRAY_ASSIGN_OR_RETURN(const auto done,
                        client->Call(FrameType::kPutCommit, request, commit, FrameType::kPutDone));
  return done.As<wire::v1::PutDone>();
}

absl::StatusOr<wire::v1::PutDone> Upload(WireClient* client, uint16_t request,
                                         const std::string& path, const TestFile& file,
                                         uint64_t* sent_bytes) {
  DRAY_RETURN_IF_ERROR(OpenUpload(client, request, path));
  DRAY_ASSIGN_OR_RETURN(const auto wanted, OfferFile(client, request, file));
  uint64_t sent = 0;
  for (const TestFile::Chunk& chunk : wanted) {
    client->SendBytes(DataFrameOf(chunk.id, chunk.bytes));
    sent += chunk.bytes.size();
  }
  if (sent_bytes != nullptr) *sent_bytes = sent;
  return CommitUpload(client, request, file);
}

absl::StatusOr<Downloaded> DownloadAll(WireClient* client, uint16_t request,
                                       const wire::v1::Get& get) {
  DRAY_ASSIGN_OR_RETURN(const auto first,
                        client->Call(FrameType::kGet, request, get, FrameType::kGetItems));
  Downloaded result;
  result.items = first.As<wire::v1::GetItems>();
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const auto frame, client->Read());
    if (frame.header.type == FrameType::kGetEnd) return result;
    if (frame.header.type == FrameType::kError) return ToStatus(frame.As<wire::v1::Error>());
    if (frame.header.type != FrameType::kData) return absl::InternalError("an unexpected frame");
    std::string whole(kFrameHeaderBytes, '\0');
    EncodeFrameHeader(frame.header, reinterpret_cast<uint8_t*>(whole.data()));
    whole += frame.payload;
    DRAY_ASSIGN_OR_RETURN(const DataFrame data, ParseDataFrame(AsBytes(whole)));
    std::string scratch(data.raw_bytes, '\0');
    DRAY_ASSIGN_OR_RETURN(
        const Bytes raw,
        RawChunk(data, {reinterpret_cast<uint8_t*>(scratch.data()), scratch.size()}));
    if (Sha256(raw).As<ChunkTag>() != data.id) return absl::DataLossError("a wrong chunk");
    result.content.append(AsText(raw));
  }
}

absl::StatusOr<Downloaded> DownloadFile(WireClient* client, uint16_t request,
                                        const std::string& path) {
  wire::v1::Get get;
  get.add_items()->mutable_version()->set_path(path);
  return DownloadAll(client, request, get);
}

}  // namespace dray::transfer
