// What a local segment store takes in: records of 64 KiB, synced in groups. In $TEST_TMPDIR, or
// /tmp: choose a folder on the disk that is to be measured.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "core/segment/local_segment_store.h"
#include "core/segment/testing/test_records.h"

namespace dray {
namespace {

constexpr size_t kRecordsPerAppend = 16;  // 1 MiB
constexpr uint64_t kKeptSegments = 16;

std::string StoreFolderName() {
  const char* base = std::getenv("TEST_TMPDIR");
  return absl::StrCat(base != nullptr ? base : "/tmp", "/segment-benchmark-", ::getpid());
}

// So that a long run does not fill the disk.
void DeleteOldSegments(SegmentStore& store) {
  const auto list = store.List();
  if (!list.ok()) return;
  for (size_t i = 0; i + kKeptSegments < list->size(); ++i)
    store.Delete((*list)[i].id).IgnoreError();
}

// Appends of 1 MiB, and a sync after every state.range(0) of them.
void BM_AppendAndSync(benchmark::State& state) {
  const std::string folder = StoreFolderName();
  {
    auto store = OpenLocalSegmentStore(folder);
    auto writer = (*store)->Lease();
    std::string records;
    for (uint64_t i = 0; i < kRecordsPerAppend; ++i) records += TestRecord(i, 64 * 1024);
    int64_t appends = 0;
    for (auto _ : state) {
      for (int64_t i = 0; i < state.range(0); ++i, ++appends) {
        if (!(*writer)->Append(AsBytes(records)).ok()) return state.SkipWithError("append failed");
      }
      if (!(*writer)->Sync().ok()) return state.SkipWithError("sync failed");
      if (appends % 256 < state.range(0)) DeleteOldSegments(**store);
    }
    state.SetBytesProcessed(appends * static_cast<int64_t>(records.size()));
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_AppendAndSync)->Arg(1)->Arg(8)->Arg(32)->UseRealTime();

// How long a sync takes after 32 MiB that came in at some 300 MB/s, as from a network.
void BM_SyncAfterPacedAppends(benchmark::State& state) {
  const std::string folder = StoreFolderName();
  {
    auto store = OpenLocalSegmentStore(folder);
    auto writer = (*store)->Lease();
    std::string records;
    for (uint64_t i = 0; i < kRecordsPerAppend; ++i) records += TestRecord(i, 64 * 1024);
    for (auto _ : state) {
      for (int i = 0; i < 32; ++i) {
        (*writer)->Append(AsBytes(records)).IgnoreError();
        std::this_thread::sleep_for(std::chrono::milliseconds(3));
      }
      const auto start = std::chrono::steady_clock::now();
      if (!(*writer)->Sync().ok()) return state.SkipWithError("sync failed");
      state.SetIterationTime(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      DeleteOldSegments(**store);
    }
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_SyncAfterPacedAppends)->UseManualTime()->Iterations(40);

// One small record and a sync: what a commit of one small file waits for.
void BM_SmallRecord(benchmark::State& state) {
  const std::string folder = StoreFolderName();
  {
    auto store = OpenLocalSegmentStore(folder);
    auto writer = (*store)->Lease();
    const std::string record = TestRecord(1, 1000);
    for (auto _ : state) {
      if (!(*writer)->Append(AsBytes(record)).ok() || !(*writer)->Sync().ok()) {
        return state.SkipWithError("append or sync failed");
      }
    }
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_SmallRecord)->UseRealTime();

void BM_Scan(benchmark::State& state) {
  const std::string folder = StoreFolderName();
  {
    auto store = OpenLocalSegmentStore(folder);
    {
      auto writer = (*store)->Lease();
      for (uint64_t i = 0; i < 960; ++i) {
        (*writer)->Append(AsBytes(TestRecord(i, 64 * 1024))).IgnoreError();
      }
    }
    uint64_t bytes = 0;
    for (auto _ : state) {
      (*store)
          ->Scan(
              SegmentId{1}, [&](const ScannedRecord& r) { bytes += r.location.stored_bytes; },
              [](const DamagedRange&) {})
          .IgnoreError();
    }
    state.SetBytesProcessed(static_cast<int64_t>(bytes));
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(BM_Scan);

}  // namespace
}  // namespace dray
