#ifndef DRAY_CORE_SEGMENT_LOCAL_SEGMENT_WRITER_H_
#define DRAY_CORE_SEGMENT_LOCAL_SEGMENT_WRITER_H_

#include <memory>
#include <vector>

#include "core/segment/segment_pool.h"
#include "core/segment/segment_store.h"

namespace dray {

// Appends to segments of a pool, which must outlive it. Takes one when the first record comes.
class LocalSegmentWriter final : public SegmentWriter {
 public:
  explicit LocalSegmentWriter(SegmentPool& pool) : pool_(pool) {}
  ~LocalSegmentWriter() override;

  absl::StatusOr<std::vector<RecordLocation>> Append(Bytes records) override;
  absl::Status Sync() override;

 private:
  // Appends as many of the records from `next` on as the current segment has room for, in one
  // write, and returns the index behind them.
  absl::StatusOr<size_t> AppendSome(Bytes records, size_t next,
                                    std::vector<RecordLocation>& locations);

  SegmentPool& pool_;
  std::unique_ptr<OpenSegment> current_;
  // Full ones, and those that a write failed in: sealed by the next Sync.
  std::vector<std::unique_ptr<OpenSegment>> retired_;
};

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_LOCAL_SEGMENT_WRITER_H_
