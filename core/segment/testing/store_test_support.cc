#include "core/segment/testing/store_test_support.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "core/segment/local_segment_store.h"
#include "core/segment/segment_format.h"

namespace dray {

TemporaryFolder::TemporaryFolder() {
  static std::atomic<int> count{0};
  path_ = absl::StrCat(testing::TempDir(), "/store-", ::getpid(), "-", ++count);
  std::filesystem::remove_all(path_);
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryFolder::SegmentFile(SegmentId id, bool sealed) const {
  return path_ + "/" + SegmentFileName(id, sealed);
}

std::unique_ptr<SegmentStore> OpenStore(const std::string& folder) {
  auto store = OpenLocalSegmentStore(folder);
  EXPECT_TRUE(store.ok()) << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

std::unique_ptr<SegmentWriter> Lease(SegmentStore& store) {
  auto writer = store.Lease();
  EXPECT_TRUE(writer.ok()) << writer.status();
  return writer.ok() ? *std::move(writer) : nullptr;
}

RecordLocation AppendOne(SegmentWriter& writer, const std::string& record) {
  auto locations = writer.Append(AsBytes(record));
  EXPECT_TRUE(locations.ok()) << locations.status();
  if (!locations.ok()) return {};
  EXPECT_EQ(locations->size(), 1u);
  return locations->front();
}

std::vector<SegmentInfo> ListAll(SegmentStore& store) {
  auto list = store.List();
  EXPECT_TRUE(list.ok()) << list.status();
  return list.ok() ? *std::move(list) : std::vector<SegmentInfo>();
}

std::string ReadRecord(SegmentStore& store, const RecordLocation& location) {
  auto segment = store.Open(location.segment);
  if (!segment.ok()) return segment.status().ToString();
  std::string bytes(location.stored_bytes, '\0');
  auto read = ReadAt((*segment)->fd(), location.offset_bytes,
                     {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  if (!read.ok()) return read.status().ToString();
  bytes.resize(*read);
  return bytes;
}

ScanResult ScanAll(SegmentStore& store, SegmentId id) {
  ScanResult result;
  result.status = store.Scan(
      id, [&](const ScannedRecord& record) { result.records.push_back(record); },
      [&](const DamagedRange& range) { result.damage.push_back(range); });
  return result;
}

}  // namespace dray
