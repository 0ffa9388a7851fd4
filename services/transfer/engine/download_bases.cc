#include "services/transfer/engine/download_bases.h"

#include <algorithm>
#include <utility>

#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/framing/chunk_encoder.h"
#include "core/framing/data_frame.h"
#include "core/subchunk/prefix.h"
#include "core/telemetry/logging.h"

namespace dray::transfer {
namespace {

using boost::asio::awaitable;

// After so many chunks in a row for which a base was of no use, only one in kProbe is tried.
constexpr size_t kManyMisses = 64;
constexpr size_t kProbe = 16;
// Finds what a base and a chunk share as well as higher levels do.
constexpr int kLeastLevel = 3;
// A delta that is not shorter than the record by one part in so many is of no use.
constexpr size_t kLeastGain = 16;
// Head of a GetDelta frame, and its fields' tags and lengths.
constexpr size_t kDeltaOverheadBytes = 20;

absl::StatusOr<std::string> ReadWholeRecord(SegmentStore& store, const SegmentRun& record) {
  const auto damaged = [&](absl::string_view why) {
    return absl::DataLossError(
        absl::StrCat("segment ", absl::Hex(static_cast<uint64_t>(record.segment), absl::kZeroPad16),
                     " cannot be read at ", record.offset_bytes, ": ", why));
  };
  if (record.length_bytes > kMaxDataFrameBytes) return damaged("a record is too long");
  const auto segment = store.Open(record.segment);
  if (!segment.ok()) return damaged(segment.status().message());
  std::string bytes(record.length_bytes, '\0');
  const auto read = ReadAt((*segment)->fd(), record.offset_bytes,
                           {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  if (!read.ok()) return damaged(read.status().message());
  if (*read < bytes.size()) return damaged("it ends too early");
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DownloadBases>> DownloadBases::Make(std::vector<OfferedBase> bases) {
  uint64_t next = 0;
  size_t ids = 0;
  for (const OfferedBase& base : bases) {
    if (base.count == 0 || base.first < next) {
      return absl::InvalidArgumentError("bases must ascend and must not overlap");
    }
    next = uint64_t{base.first} + base.count;
    ids += base.chunk_ids.size() / kDigestBytes;
    if (base.chunk_ids.size() % kDigestBytes != 0 ||
        base.chunk_ids.empty() == base.hashes.empty()) {
      return absl::InvalidArgumentError(
          "a base has either the ids of chunks, of 32 bytes each, or a signature");
    }
  }
  if (ids > kMaxIds) {
    return absl::InvalidArgumentError(
        absl::StrCat("bases of ", ids, " chunks; at most ", kMaxIds, " are allowed"));
  }
  return std::unique_ptr<DownloadBases>(new DownloadBases(std::move(bases)));
}

awaitable<void> DownloadBases::Find(const Engine* engine, std::string_view connection_id) {
  lease_ = engine->operations->Begin();
  delta::v1::FindChunksRequest request;
  for (const OfferedBase& base : bases_) request.mutable_chunk_ids()->append(base.chunk_ids);
  if (request.chunk_ids().empty()) co_return;
  const size_t asked = request.chunk_ids().size() / kDigestBytes;
  auto found = co_await engine->delta->FindChunks(std::move(request), connection_id);
  if (found.ok() && static_cast<size_t>(found->chunks_size()) != asked) {
    found = absl::InternalError("delta's answer does not fit the chunks asked for");
  }
  if (!found.ok()) spdlog::debug("bases cannot be looked up: {}", found.status().ToString());
  int next = 0;
  for (size_t i = 0; i < bases_.size(); ++i) {
    OfferedBase& base = bases_[i];
    delta::v1::CompareResponse::Base chunks;
    bool known = found.ok();
    for (size_t k = 0; k < base.chunk_ids.size() / kDigestBytes; ++k, ++next) {
      if (known && found->chunks(next).length() == 0) known = false;
      if (known) *chunks.add_chunks() = found->chunks(next);
    }
    if (base.chunk_ids.empty()) continue;
    if (known) base.base = ChunkBase::FromProto(chunks);
    if (!base.base) unknown_.push_back(static_cast<uint32_t>(i));
  }
}

const OfferedBase* DownloadBases::For(uint64_t index) {
  while (next_ < bases_.size() && bases_[next_].first + uint64_t{bases_[next_].count} <= index) {
    ++next_;
  }
  if (next_ == bases_.size() || bases_[next_].first > index) return nullptr;
  return &bases_[next_];
}

absl::StatusOr<ChunkAnswer> DownloadBases::Answer(SegmentStore& store, const SegmentRun& record,
                                                  int level) {
  ChunkAnswer answer;
  DRAY_ASSIGN_OR_RETURN(answer.record, ReadWholeRecord(store, record));
  if (misses_ >= kManyMisses && misses_++ % kProbe != 0) return answer;
  const auto frame = ParseDataFrame(AsBytes(answer.record));
  if (!frame.ok()) return answer;  // whoever gets it sees that too
  const std::unique_ptr<uint8_t[]> scratch(new uint8_t[kMaxRawChunkBytes]);
  const auto raw = RawChunk(*frame, {scratch.get(), kMaxRawChunkBytes});
  const size_t most_bytes = answer.record.size() - answer.record.size() / kLeastGain;
  if (!raw.ok() || most_bytes <= kDeltaOverheadBytes) return answer;
  DRAY_RETURN_IF_ERROR(MakeDelta(store, *record.base, *raw, most_bytes - kDeltaOverheadBytes,
                                 std::max(level, kLeastLevel), &answer));
  if (answer.delta.empty()) {
    ++misses_;
  } else {
    misses_ = 0;
    answer.record.clear();
  }
  return answer;
}

absl::Status DownloadBases::Load(SegmentStore& store, const OfferedBase& base) {
  if (loaded_ == &base) return absl::OkStatus();
  loaded_ = nullptr;
  bytes_.reset();
  signature_.reset();
  if (base.base) {
    DRAY_ASSIGN_OR_RETURN(bytes_, base.base->Read(store));
  } else {
    DRAY_ASSIGN_OR_RETURN(signature_, BlockSignature::Load(base.block_bytes, AsBytes(base.hashes)));
  }
  loaded_ = &base;
  return absl::OkStatus();
}

absl::Status DownloadBases::MakeDelta(SegmentStore& store, const OfferedBase& base, Bytes raw,
                                      size_t most_bytes, int level, ChunkAnswer* answer) {
  const absl::Status loaded = Load(store, base);
  if (!loaded.ok() && base.base) {
    spdlog::warn("a base cannot be read, the chunk is sent: {}", loaded.ToString());
    return absl::OkStatus();
  }
  DRAY_RETURN_IF_ERROR(loaded);
  const std::unique_ptr<uint8_t[]> out(new uint8_t[most_bytes]);
  const MutableBytes room(out.get(), most_bytes);
  if (!base.base) return MakeSignatureDelta(raw, room, level, answer);
  const size_t bytes = CompressWithPrefix(raw, {bytes_.get(), base.base->raw_bytes()}, level, room);
  answer->delta.assign(reinterpret_cast<const char*>(out.get()), bytes);
  return absl::OkStatus();
}

absl::Status DownloadBases::MakeSignatureDelta(Bytes raw, MutableBytes out, int level,
                                               ChunkAnswer* answer) {
  // Uncompressed it may be longer than the compressed record.
  const std::unique_ptr<uint8_t[]> delta(new uint8_t[raw.size()]);
  DRAY_ASSIGN_OR_RETURN(const size_t bytes, signature_->MakeDelta(raw, {delta.get(), raw.size()}));
  if (bytes == 0) return absl::OkStatus();
  const Bytes made(delta.get(), bytes);
  const size_t room = std::min(out.size(), bytes - 1);
  const size_t packed = CompressWithPrefix(made, {}, level, out.first(room));
  if (packed > 0) {
    answer->delta.assign(reinterpret_cast<const char*>(out.data()), packed);
    answer->delta_raw_bytes = static_cast<uint32_t>(bytes);
  } else if (bytes <= out.size()) {
    answer->delta = AsText(made);
  }
  return absl::OkStatus();
}

}  // namespace dray::transfer
