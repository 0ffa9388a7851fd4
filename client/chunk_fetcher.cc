#include "client/chunk_fetcher.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "client/file_writer.h"
#include "client/wire_error.h"
#include "core/base/file.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/framing/chunk_encoder.h"
#include "core/subchunk/prefix.h"
#include "core/subchunk/signature.h"

namespace dray {
namespace {

// Of one request: its frame stays far below its limit, and the ids of its bases below 8192.
constexpr int kMaxRanges = 8192;
constexpr size_t kMaxOfferBytes = 240 << 10;
// Requests under way: the server need not wait for the next one.
constexpr size_t kMaxInFlight = 2;
// What naming a base, and then its signature, may cost of what the chunks would cost to receive.
constexpr double kNamesShare = 0.006;
constexpr double kSignatureShare = 0.009;
// A named base's id in the request, and what stands around several.
constexpr size_t kBaseOverheadBytes = 12;
// Compressed to learn what the chunks would cost.
constexpr size_t kSampleBytes = 4096;

// How short bytes like these become when they are stored, compared with what they are.
double StoredShare(Bytes bytes) {
  thread_local ChunkEncoder encoder;
  const Bytes sample = bytes.subspan((bytes.size() - std::min(bytes.size(), kMaxRawChunkBytes)) / 2,
                                     kMaxRawChunkBytes);
  if (sample.empty()) return 1;
  const DataFrame frame = encoder.Encode(ChunkId(), sample);
  return static_cast<double>(frame.body.size()) / static_cast<double>(sample.size());
}

uint64_t LengthOf(absl::Span<const FileChunk> chunks) {
  uint64_t length = 0;
  for (const FileChunk& chunk : chunks) length += chunk.length_bytes;
  return length;
}

}  // namespace

// One request under way, and what it was for.
struct ChunkFetcher::Flight {
  struct Named {
    size_t first = 0;  // of `expected`
    const LocalBase* base = nullptr;
    bool unknown = false;
  };

  absl::Span<const FileChunk> expected;
  std::vector<Named> bases;
  bool by_ids = false;
  std::unique_ptr<Download> download;
  size_t next_base = 0;
};

ChunkFetcher::ChunkFetcher(const Operation& operation, std::shared_ptr<Connection> connection,
                           const RemoteFile& file, IncomingFile* incoming,
                           std::function<void(uint64_t bytes)> on_done)
    : operation_(operation),
      connection_(std::move(connection)),
      file_(file),
      incoming_(incoming),
      on_done_(std::move(on_done)) {}

ChunkFetcher::~ChunkFetcher() = default;

absl::Status ChunkFetcher::Fetch(std::vector<FileChunk> lacking, std::vector<LocalBase> bases) {
  if (!connection_->Require(wire::v1::DOWNLOAD_DELTAS).ok()) bases.clear();
  DRAY_RETURN_IF_ERROR(FetchRound(Offer::kIds, lacking, bases));
  const std::vector<FileChunk> unknown = std::exchange(unknown_, {});
  const std::vector<LocalBase> unknown_bases = std::exchange(unknown_bases_, {});
  DRAY_RETURN_IF_ERROR(FetchRound(Offer::kSignatures, unknown, unknown_bases));
  std::vector<FileChunk> again = std::exchange(again_, {});
  std::sort(again.begin(), again.end(),
            [](const FileChunk& a, const FileChunk& b) { return a.offset_bytes < b.offset_bytes; });
  return FetchRound(Offer::kNothing, again, {});
}

absl::Status ChunkFetcher::FetchRound(Offer offer, absl::Span<const FileChunk> lacking,
                                      absl::Span<const LocalBase> bases) {
  base_read_ = nullptr;
  std::deque<Flight> flights;
  size_t asked = 0;
  while (asked < lacking.size() || !flights.empty()) {
    if (asked < lacking.size() && flights.size() < kMaxInFlight) {
      while (!bases.empty() && bases.front().first < asked) bases.remove_prefix(1);
      DRAY_ASSIGN_OR_RETURN(Flight flight, Ask(offer, lacking.subspan(asked), bases, asked));
      asked += flight.expected.size();
      flights.push_back(std::move(flight));
      continue;
    }
    DRAY_RETURN_IF_ERROR(Receive(&flights.front()));
    flights.pop_front();
  }
  return absl::OkStatus();
}

absl::StatusOr<ChunkFetcher::Flight> ChunkFetcher::Ask(Offer offer,
                                                       absl::Span<const FileChunk> lacking,
                                                       absl::Span<const LocalBase> bases,
                                                       size_t first_index) {
  Flight flight;
  flight.by_ids = offer == Offer::kIds;
  wire::v1::Get get;
  wire::v1::Get::Item* const item = get.add_items();
  *item->mutable_version() = ReferenceTo(file_);
  wire::v1::ByteRange* range = nullptr;
  size_t count = 0;
  size_t offer_bytes = 0;
  while (count < lacking.size() && offer_bytes < kMaxOfferBytes) {
    const LocalBase* base = nullptr;
    if (!bases.empty() && bases.front().first == first_index + count) {
      base = &bases.front();
      bases.remove_prefix(1);
    }
    const size_t end = count + (base == nullptr ? 1 : base->count);
    const FileChunk& first = lacking[count];
    if (range == nullptr || range->offset() + range->length() != first.offset_bytes) {
      if (item->ranges_size() == kMaxRanges) break;
      range = item->add_ranges();
      range->set_offset(first.offset_bytes);
    }
    if (base != nullptr) {
      AddBase(offer, *base, lacking.subspan(count, base->count), count, item, &flight);
      if (flight.bases.size() > 0 && flight.bases.back().first == count) {
        const wire::v1::GetBase& named = item->bases(item->bases_size() - 1);
        offer_bytes += named.chunk_ids().size() + named.hashes().size() + kBaseOverheadBytes;
      }
    }
    for (; count < end; ++count) range->set_length(range->length() + lacking[count].length_bytes);
  }
  flight.expected = lacking.first(count);
  DRAY_ASSIGN_OR_RETURN(flight.download, Download::Start(connection_, get));
  return flight;
}

void ChunkFetcher::AddBase(Offer offer, const LocalBase& base, absl::Span<const FileChunk> chunks,
                           size_t first, wire::v1::Get::Item* item, Flight* flight) {
  if (offer == Offer::kNothing) return;
  const uint64_t wanted = LengthOf(chunks);
  wire::v1::GetBase named;
  if (offer == Offer::kIds) {
    uint8_t sample[kSampleBytes];
    const LocalChunks::Chunk& chunk = base.chunks[base.chunks.size() / 2];
    const uint64_t middle = chunk.begin + chunk.length_bytes / 2;
    const auto read = ReadAt(base.fd, middle, sample);
    if (!read.ok()) return;
    const double most =
        kNamesShare * StoredShare(Bytes(sample).first(*read)) * static_cast<double>(wanted);
    const size_t cost = base.chunks.size() * kDigestBytes + kBaseOverheadBytes;
    if (static_cast<double>(cost) > most) return;
    for (const LocalChunks::Chunk& chunk : base.chunks) {
      named.mutable_chunk_ids()->append(chunk.id.view());
    }
  } else {
    const auto bytes = ReadBase(base);
    if (!bytes.ok()) return;
    const double most = kSignatureShare * StoredShare(*bytes) * static_cast<double>(wanted);
    const uint32_t block_bytes = ChooseBlockBytes(bytes->size(), static_cast<size_t>(most));
    if (block_bytes == 0) return;
    auto hashes = SignBlocks(*bytes, block_bytes);
    if (!hashes.ok()) return;
    named.set_block_bytes(block_bytes);
    named.set_hashes(*std::move(hashes));
  }
  named.set_first(static_cast<uint32_t>(first));
  named.set_count(static_cast<uint32_t>(base.count));
  *item->add_bases() = std::move(named);
  flight->bases.push_back({first, &base});
}

absl::Status ChunkFetcher::Receive(Flight* flight) {
  DRAY_ASSIGN_OR_RETURN(const wire::v1::GetItems items, flight->download->ReceiveItems());
  const wire::v1::GetItems::Item& item = items.items(0);
  if (item.has_error()) return StatusFromWire(item.error());
  for (const uint32_t index : item.unknown_bases()) {
    if (index >= flight->bases.size() || !flight->by_ids) {
      return LossOf(file_, "the server does not know a base that was not named");
    }
    flight->bases[index].unknown = true;
  }
  // What comes: all but what the unknown bases are for.
  std::vector<size_t> coming;
  size_t next_base = 0;
  for (size_t i = 0; i < flight->expected.size();) {
    if (next_base < flight->bases.size() && flight->bases[next_base].first == i) {
      const Flight::Named& named = flight->bases[next_base++];
      const auto chunks = flight->expected.subspan(i, named.base->count);
      if (named.unknown) {
        unknown_bases_.push_back(*named.base);
        unknown_bases_.back().first = unknown_.size();
        unknown_.insert(unknown_.end(), chunks.begin(), chunks.end());
      } else {
        for (size_t k = 0; k < chunks.size(); ++k) coming.push_back(i + k);
      }
      i += chunks.size();
      continue;
    }
    coming.push_back(i++);
  }
  size_t taken = 0;
  while (true) {
    DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
    DRAY_ASSIGN_OR_RETURN(const auto chunks, flight->download->ReceiveChunks());
    if (chunks.empty()) break;
    for (const Download::VerifiedChunk& chunk : chunks) {
      if (taken == coming.size()) {
        return LossOf(file_, "the server sent a chunk that was not asked for");
      }
      const size_t index = coming[taken++];
      DRAY_RETURN_IF_ERROR(Take(chunk, flight->expected[index], index, flight));
    }
  }
  if (taken < coming.size()) return LossOf(file_, "the server sent less than was asked for");
  return absl::OkStatus();
}

absl::Status ChunkFetcher::Take(const Download::VerifiedChunk& chunk, const FileChunk& expected,
                                size_t index, Flight* flight) {
  Bytes raw = chunk.raw;
  if (chunk.delta != nullptr) {
    while (flight->next_base < flight->bases.size() &&
           flight->bases[flight->next_base].first + flight->bases[flight->next_base].base->count <=
               index) {
      ++flight->next_base;
    }
    if (flight->next_base == flight->bases.size() ||
        flight->bases[flight->next_base].first > index) {
      return LossOf(file_, "the server sent a delta for a chunk without a base");
    }
    raw = Rebuild(*chunk.delta, expected, *flight->bases[flight->next_base].base, flight->by_ids);
    if (raw.empty()) {
      again_.push_back(expected);
      return absl::OkStatus();
    }
  } else if (expected.id != chunk.id || expected.length_bytes != raw.size()) {
    return LossOf(file_, "the server sent a chunk that was not asked for");
  }
  DRAY_RETURN_IF_ERROR(incoming_->Write(expected.offset_bytes, raw));
  on_done_(raw.size());
  operation_.tracker->AddChunksMoved(1);
  return absl::OkStatus();
}

Bytes ChunkFetcher::Rebuild(const wire::v1::GetDelta& message, const FileChunk& chunk,
                            const LocalBase& base, bool by_ids) {
  const auto bytes = ReadBase(base);
  if (!bytes.ok()) return {};
  if (made_ == nullptr) made_.reset(new uint8_t[kMaxChunkBytes]);
  const MutableBytes made(made_.get(), chunk.length_bytes);
  Bytes delta = AsBytes(message.delta());
  absl::Status status;
  if (by_ids) {
    status = ExpandWithPrefix(delta, *bytes, made);
  } else {
    if (message.raw_bytes() > kMaxRawChunkBytes) return {};
    if (message.raw_bytes() > 0) {
      if (expanded_ == nullptr) expanded_.reset(new uint8_t[kMaxRawChunkBytes]);
      const MutableBytes expanded(expanded_.get(), message.raw_bytes());
      status = ExpandWithPrefix(delta, {}, expanded);
      delta = expanded;
    }
    if (status.ok()) status = ApplyDelta(delta, *bytes, made);
  }
  if (!status.ok()) return {};
  const Bytes raw = made;
  ChunkId id;
  HashChunks({&raw, 1}, {&id, 1});
  return id == chunk.id ? raw : Bytes();
}

absl::StatusOr<Bytes> ChunkFetcher::ReadBase(const LocalBase& base) {
  if (base_read_ != &base) {
    if (base_ == nullptr) base_.reset(new uint8_t[kMaxLocalBaseBytes]);
    base_read_ = nullptr;
    base_bytes_ = 0;
    for (const LocalChunks::Chunk& chunk : base.chunks) {
      const MutableBytes room(base_.get() + base_bytes_, chunk.length_bytes);
      DRAY_ASSIGN_OR_RETURN(const size_t read, ReadAt(base.fd, chunk.begin, room));
      if (read < room.size()) return absl::AbortedError("a local file became shorter");
      base_bytes_ += read;
    }
    base_read_ = &base;
  }
  return Bytes(base_.get(), base_bytes_);
}

}  // namespace dray
