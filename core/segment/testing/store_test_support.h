#ifndef DRAY_CORE_SEGMENT_TESTING_STORE_TEST_SUPPORT_H_
#define DRAY_CORE_SEGMENT_TESTING_STORE_TEST_SUPPORT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/segment/segment_store.h"

namespace dray {

// A folder of its own beneath testing::TempDir(), removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  const std::string& path() const { return path_; }
  // The file of segment `id` in this folder.
  std::string SegmentFile(SegmentId id, bool sealed) const;

 private:
  std::string path_;
};

// These fail the running test when something is not OK.
std::unique_ptr<SegmentStore> OpenStore(const std::string& folder);
std::unique_ptr<SegmentWriter> Lease(SegmentStore& store);
RecordLocation AppendOne(SegmentWriter& writer, const std::string& record);

std::vector<SegmentInfo> ListAll(SegmentStore& store);

// The bytes at a location; an error text when they cannot be read.
std::string ReadRecord(SegmentStore& store, const RecordLocation& location);

struct ScanResult {
  absl::Status status;
  std::vector<ScannedRecord> records;
  std::vector<DamagedRange> damage;
};
ScanResult ScanAll(SegmentStore& store, SegmentId id);

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_TESTING_STORE_TEST_SUPPORT_H_
