// Several writers, readers, scanners and a deleter on one store.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "core/framing/data_frame.h"
#include "core/segment/testing/store_test_support.h"
#include "core/segment/testing/test_records.h"

namespace dray {
namespace {

// What the writers made durable, for the readers.
class Published {
 public:
  void Add(uint64_t number, const RecordLocation& location) {
    absl::MutexLock lock(&mutex_);
    records_.emplace_back(number, location);
  }
  // Nothing while there are none.
  std::optional<std::pair<uint64_t, RecordLocation>> Pick(uint64_t random) {
    absl::MutexLock lock(&mutex_);
    if (records_.empty()) return std::nullopt;
    return records_[random % records_.size()];
  }
  size_t size() {
    absl::MutexLock lock(&mutex_);
    return records_.size();
  }

 private:
  absl::Mutex mutex_;
  std::vector<std::pair<uint64_t, RecordLocation>> records_ ABSL_GUARDED_BY(mutex_);
};

constexpr size_t kRecordBytes = 3000;

void WriteMany(SegmentStore& store, uint64_t first_number, Published& published) {
  uint64_t number = first_number;
  for (int lease = 0; lease < 5; ++lease) {
    auto writer = Lease(store);
    for (int batch = 0; batch < 5; ++batch) {
      std::string records;
      for (int i = 0; i < 4; ++i) records += TestRecord(number + i, kRecordBytes);
      auto locations = writer->Append(AsBytes(records));
      ASSERT_TRUE(locations.ok()) << locations.status();
      ASSERT_TRUE(writer->Sync().ok());
      for (const RecordLocation& location : *locations) published.Add(number++, location);
    }
  }
}

void ReadUntil(const std::atomic<bool>& stop, SegmentStore& store, uint64_t seed,
               Published& published) {
  std::mt19937_64 random(seed);
  while (!stop) {
    const auto picked = published.Pick(random());
    if (!picked) continue;
    const auto& [number, location] = *picked;
    ASSERT_TRUE(ReadRecord(store, location) == TestRecord(number, kRecordBytes)) << number;
  }
}

void ScanUntil(const std::atomic<bool>& stop, SegmentStore& store) {
  while (!stop) {
    for (const SegmentInfo& info : ListAll(store)) {
      const ScanResult scan = ScanAll(store, info.id);
      // A segment whose writer is at work is never seen half-written.
      ASSERT_TRUE(scan.status.ok()) << scan.status;
      ASSERT_TRUE(scan.damage.empty());
    }
  }
}

TEST(Concurrency, WritersReadersAndScannersShareAStore) {
  TemporaryFolder folder;
  auto store = OpenStore(folder.path());
  Published published;
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (uint64_t seed = 0; seed < 2; ++seed) {
    readers.emplace_back([&, seed] { ReadUntil(stop, *store, seed, published); });
  }
  readers.emplace_back([&] { ScanUntil(stop, *store); });
  std::vector<std::thread> writers;
  for (uint64_t i = 0; i < 4; ++i) {
    writers.emplace_back([&, i] { WriteMany(*store, i << 32, published); });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(published.size(), 4u * 5 * 5 * 4);
  EXPECT_LE(ListAll(*store).size(), 4u) << "returned segments were not used again";
}

TEST(Concurrency, DeletingWhileOthersOpen) {
  TemporaryFolder folder;
  std::vector<RecordLocation> locations;
  {
    auto store = OpenStore(folder.path());
    std::vector<std::unique_ptr<SegmentWriter>> writers;
    for (uint64_t i = 0; i < 50; ++i) {
      writers.push_back(Lease(*store));
      locations.push_back(AppendOne(*writers.back(), TestRecord(i, 100)));
    }
  }
  auto store = OpenStore(folder.path());
  std::atomic<bool> stop{false};
  std::vector<std::thread> openers;
  for (int i = 0; i < 2; ++i) {
    openers.emplace_back([&, i] {
      std::mt19937_64 random(i);
      while (!stop) {
        const size_t at = random() % locations.size();
        auto segment = store->Open(locations[at].segment);
        if (!segment.ok()) {
          ASSERT_EQ(segment.status().code(), absl::StatusCode::kNotFound) << segment.status();
          continue;
        }
        std::string bytes(locations[at].stored_bytes, '\0');
        auto read = ReadAt((*segment)->fd(), locations[at].offset_bytes,
                           {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
        ASSERT_TRUE(read.ok() && bytes == TestRecord(at, 100));
      }
    });
  }
  for (const RecordLocation& location : locations) {
    ASSERT_TRUE(store->Delete(location.segment).ok());
    ASSERT_EQ(store->Open(location.segment).status().code(), absl::StatusCode::kNotFound);
  }
  stop = true;
  for (std::thread& opener : openers) opener.join();
  EXPECT_TRUE(ListAll(*store).empty());
}

}  // namespace
}  // namespace dray
