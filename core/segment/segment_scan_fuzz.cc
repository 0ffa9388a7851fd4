// Scans of segments from any bytes: records and damage together are the file, without gap or
// overlap.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "core/framing/data_frame.h"
#include "core/segment/segment_format.h"
#include "core/segment/segment_scanner.h"
#include "core/segment/testing/test_records.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

constexpr SegmentId kId{7};

void Check(bool holds) {
  if (!holds) std::abort();
}

// One file in memory, for all inputs.
int FileWith(Bytes contents) {
  static const int fd = ::memfd_create("segment", MFD_CLOEXEC);
  Check(fd >= 0 && ::ftruncate(fd, 0) == 0 && WriteAt(fd, 0, contents).ok());
  return fd;
}

// Notes what a scan reports, and checks that it comes in order and is true.
class Tiling {
 public:
  explicit Tiling(Bytes contents) : contents_(contents) {
    const auto header = SegmentHeader(kId);
    if (contents.size() >= header.size() && contents.first(header.size()) == Bytes(header)) {
      covered_ = header.size();
    }
  }

  void Add(const ScannedRecord& record) {
    const RecordLocation& at = record.location;
    Check(at.segment == kId && at.offset_bytes == covered_);
    covered_ += at.stored_bytes;
    Check(covered_ <= contents_.size());
    const auto frame = ParseDataFrame(contents_.subspan(at.offset_bytes, at.stored_bytes));
    Check(frame.ok() && frame->id == record.id && frame->raw_bytes == record.raw_bytes);
    after_damage_ = false;
    last_record_end_ = covered_;
  }

  void Add(const DamagedRange& range) {
    Check(range.segment == kId && range.offset_bytes == covered_ && range.length_bytes > 0);
    Check(!after_damage_);  // neighbours are one range
    covered_ += range.length_bytes;
    after_damage_ = true;
  }

  uint64_t covered() const { return covered_; }
  uint64_t last_record_end() const { return last_record_end_; }

 private:
  const Bytes contents_;
  uint64_t covered_ = 0;
  uint64_t last_record_end_ = 0;
  bool after_damage_ = false;
};

void ScanAs(Bytes contents, uint64_t stated_bytes) {
  Tiling tiling(contents);
  const auto end = ScanSegment(
      FileWith(contents), kId, stated_bytes,
      [&](const ScannedRecord& record) { tiling.Add(record); },
      [&](const DamagedRange& range) { tiling.Add(range); });
  Check(end.ok() && *end == tiling.last_record_end());
  Check(tiling.covered() == stated_bytes);
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  const auto header = SegmentHeader(kId);
  const std::string start(AsText(header));
  std::string many = start;
  for (uint64_t i = 0; i < 8; ++i) many += TestRecord(i, 20 + i * 30);
  // Every eighth offset looks like the head of a long record.
  std::string heads = start;
  for (int i = 0; i < 500; ++i) heads += std::string("\x00\x00\x0f\x00\x10\x01\x00\x00", 8);
  return {start, start + TestRecord(1, 1), many, heads + TestRecord(2, 100)};
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dray::ScanAs({data, size}, size);
  dray::ScanAs({data, size}, size + 100);  // a file that lost its end
  return 0;
}
