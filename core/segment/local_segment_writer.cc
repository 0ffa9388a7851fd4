#include "core/segment/local_segment_writer.h"

#include <utility>

#include "core/framing/data_frame.h"

namespace dray {
namespace {

// The lengths of records that lie one after the other; where they will lie is not known yet.
absl::StatusOr<std::vector<RecordLocation>> SplitRecords(Bytes records) {
  std::vector<RecordLocation> locations;
  while (!records.empty()) {
    if (records.size() < kDataFrameOverheadBytes) {
      return absl::InvalidArgumentError("the last record to append is cut off");
    }
    DRAY_ASSIGN_OR_RETURN(const size_t length, DataFrameLength(records.data()));
    if (length > records.size()) {
      return absl::InvalidArgumentError("the last record to append is cut off");
    }
    locations.push_back({.stored_bytes = static_cast<uint32_t>(length)});
    records.remove_prefix(length);
  }
  return locations;
}

}  // namespace

LocalSegmentWriter::~LocalSegmentWriter() {
  for (auto& segment : retired_) pool_.Finish(std::move(segment));
  if (current_ != nullptr) pool_.Return(std::move(current_));
}

absl::StatusOr<std::vector<RecordLocation>> LocalSegmentWriter::Append(Bytes records) {
  DRAY_ASSIGN_OR_RETURN(std::vector<RecordLocation> locations, SplitRecords(records));
  for (size_t next = 0; next < locations.size();) {
    if (current_ == nullptr) {
      DRAY_ASSIGN_OR_RETURN(current_, pool_.Take());
    }
    if (current_->NextOffset() + locations[next].stored_bytes > kMaxSegmentBytes) {
      retired_.push_back(std::move(current_));
      continue;
    }
    const size_t first = next;
    DRAY_ASSIGN_OR_RETURN(next, AppendSome(records, first, locations));
    for (size_t i = first; i < next; ++i) records.remove_prefix(locations[i].stored_bytes);
  }
  return locations;
}

absl::StatusOr<size_t> LocalSegmentWriter::AppendSome(Bytes records, size_t next,
                                                      std::vector<RecordLocation>& locations) {
  const uint64_t start = current_->NextOffset();
  uint64_t end = start;
  for (; next < locations.size() && end + locations[next].stored_bytes <= kMaxSegmentBytes;
       ++next) {
    locations[next].segment = current_->id();
    locations[next].offset_bytes = end;
    end += locations[next].stored_bytes;
  }
  const absl::Status appended = current_->Append(records.first(end - start));
  if (appended.ok()) {
    pool_.Update(*current_);
    return next;
  }
  // An empty one is as good as new. In any other, what was appended before still waits for Sync.
  if (current_->length_bytes() > 0) retired_.push_back(std::move(current_));
  return appended;
}

absl::Status LocalSegmentWriter::Sync() {
  std::vector<OpenSegment*> touched;
  for (const auto& segment : retired_) touched.push_back(segment.get());
  if (current_ != nullptr && current_->dirty()) touched.push_back(current_.get());
  const absl::Status synced = pool_.Sync(touched);
  for (auto& segment : std::exchange(retired_, {})) {
    if (SegmentPool::IsDurable(*segment)) {
      pool_.Seal(std::move(segment));
    } else {
      pool_.Abandon(std::move(segment));
    }
  }
  if (!synced.ok() && current_ != nullptr && !SegmentPool::IsDurable(*current_)) {
    pool_.Abandon(std::move(current_));
  }
  return synced;
}

}  // namespace dray
