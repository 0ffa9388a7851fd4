#include "services/delta/engine/resolution.h"

#include <limits>
#include <utility>

#include "services/delta/engine/convert.h"

namespace dray::delta {
namespace {

// What one step tells at most: about 130 KiB of chunks, or headers of some hundred small items.
constexpr size_t kChunksInStep = 2000;
constexpr size_t kMessagesInStep = 256;

// Ascending and disjoint ranges of a message, empty ones left out, neighbours joined.
absl::StatusOr<std::vector<ByteRange>> RangesFromProto(const v1::ResolveRequest::Item& item) {
  if (item.ranges().empty()) {
    return std::vector<ByteRange>{{0, std::numeric_limits<uint64_t>::max()}};
  }
  std::vector<ByteRange> ranges;
  uint64_t end = 0;
  for (const auto& range : item.ranges()) {
    const uint64_t last = range.offset() + range.length();
    if (last < range.offset() || range.offset() < end) {
      return absl::InvalidArgumentError("ranges must ascend and must not overlap");
    }
    const bool joins = !ranges.empty() && range.offset() == ranges.back().end;
    end = last;
    if (range.length() == 0) continue;
    if (joins) {
      ranges.back().end = end;
    } else {
      ranges.push_back({range.offset(), end});
    }
  }
  return ranges;
}

// Errors that are about the item that was asked for, not about the catalog.
bool IsAboutItem(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsInvalidArgument(status) ||
         absl::IsFailedPrecondition(status);
}

// Damage names the file that suffers from it.
absl::Status WithPath(const absl::Status& status, const v1::ResolveRequest::Item& item) {
  return absl::IsDataLoss(status) ? WithContext(status, Quoted(item.path())) : status;
}

}  // namespace

absl::StatusOr<VersionRecord> FindNumberedVersion(CatalogView& view, std::string_view path,
                                                  uint64_t number, Moment at) {
  if (number == 0) {
    DRAY_ASSIGN_OR_RETURN(EntryRecord entry, FindLive(view, path, at));
    return std::move(entry.head);
  }
  DRAY_ASSIGN_OR_RETURN(const auto entry, FindAny(view, path, at));
  if (!entry) return absl::NotFoundError(absl::StrCat("there never was a ", Quoted(path)));
  DRAY_ASSIGN_OR_RETURN(auto version, view.FindVersion(entry->id, number));
  if (version) return *std::move(version);
  return NoSuchVersion(path, *entry, number);
}

absl::StatusOr<bool> ResolveSource::Next(CatalogView& view,
                                         std::vector<v1::ResolveResponse>* messages) {
  size_t chunks = 0;
  while (chunks < kChunksInStep && messages->size() < kMessagesInStep) {
    if (walker_) {
      const auto told = TellChunks(view, kChunksInStep - chunks, messages);
      if (!told.ok()) return WithPath(told.status(), request_.items(next_item_ - 1));
      chunks += *told;
    } else if (next_item_ < request_.items_size()) {
      auto header = StartItem(view, request_.items(next_item_++));
      if (!header.ok() && !IsAboutItem(header.status())) {
        return WithPath(header.status(), request_.items(next_item_ - 1));
      }
      auto* out = messages->emplace_back().mutable_header();
      if (header.ok()) {
        *out = *std::move(header);
      } else {
        out->set_code(static_cast<int>(header.status().code()));
        out->set_message(std::string(header.status().message()));
      }
    } else {
      return false;
    }
  }
  return true;
}

absl::StatusOr<v1::ResolveResponse::Header> ResolveSource::StartItem(
    CatalogView& view, const v1::ResolveRequest::Item& item) {
  DRAY_ASSIGN_OR_RETURN(auto ranges, RangesFromProto(item));
  DRAY_ASSIGN_OR_RETURN(const VersionRecord version,
                        FindNumberedVersion(view, item.path(), item.number(), item.at_ns()));
  if (version.deleted()) {
    return absl::FailedPreconditionError(
        absl::StrCat("version ", version.number, " of ", Quoted(item.path()), " is a deletion"));
  }
  v1::ResolveResponse::Header header;
  VersionToProto(item.path(), version, header.mutable_version());
  if (!version.root) return header;
  header.set_same(item.have_root() == header.version().root());
  if (header.same()) return header;
  TreeWalker walker(*version.root, std::move(ranges));
  uint64_t data_bytes = version.metadata.size;
  if (!item.ranges().empty()) {
    DRAY_ASSIGN_OR_RETURN(data_bytes, walker.TouchedBytes(view));
  }
  header.set_data_bytes(data_bytes);
  if (data_bytes != 0) walker_.emplace(std::move(walker));
  return header;
}

absl::StatusOr<size_t> ResolveSource::TellChunks(CatalogView& view, size_t limit,
                                                 std::vector<v1::ResolveResponse>* messages) {
  std::vector<Entry> entries;
  DRAY_ASSIGN_OR_RETURN(const bool more, walker_->Next(view, limit, &entries));
  if (!more) walker_.reset();
  if (entries.empty()) return 0;
  auto* chunks = messages->emplace_back().mutable_chunks();
  for (const Entry& entry : entries) {
    DRAY_ASSIGN_OR_RETURN(const auto chunk, view.FindChunk(entry.chunk()));
    if (!chunk) {
      return absl::DataLossError(absl::StrCat("chunk ", entry.id.hex(),
                                              " is missing in the catalog; run dray-delta check"));
    }
    ChunkToProto(*chunk, chunks->add_chunks());
  }
  return entries.size();
}

}  // namespace dray::delta
