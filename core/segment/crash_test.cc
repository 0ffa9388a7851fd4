// Processes that append and sync, and are killed, or run out of space: what they called durable is
// there.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/segment/local_segment_store.h"
#include "core/segment/testing/store_test_support.h"
#include "core/segment/testing/test_records.h"

namespace dray {
namespace {

// A record of which a child said that it is durable. Small enough to be written to a pipe as a
// whole.
struct Durable {
  uint64_t number;
  uint64_t raw_bytes;
  RecordLocation location;
};

// Runs `body` in a child, which gets a function to report with, and ends with the status that it
// returns.
class Child {
 public:
  using Report = std::function<void(const Durable&)>;

  explicit Child(const std::function<int(const Report&)>& body) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      const int status = body([&](const Durable& durable) {
        if (::write(ends[1], &durable, sizeof(durable)) != sizeof(durable)) ::_exit(99);
      });
      ::_exit(status);
    }
    ::close(ends[1]);
    reports_ = UniqueFd(ends[0]);
  }

  void Kill() { ::kill(pid_, SIGKILL); }

  std::vector<Durable> ReadReports() {
    std::vector<Durable> reports;
    Durable durable;
    while (::read(reports_.get(), &durable, sizeof(durable)) == sizeof(durable)) {
      reports.push_back(durable);
    }
    return reports;
  }

  int Wait() {
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return status;
  }

 private:
  pid_t pid_;
  UniqueFd reports_;
};

void ExpectAllThere(SegmentStore& store, const std::vector<Durable>& reports) {
  for (const Durable& durable : reports) {
    ASSERT_TRUE(ReadRecord(store, durable.location) ==
                TestRecord(durable.number, durable.raw_bytes))
        << "record " << durable.number << " in segment "
        << static_cast<uint64_t>(durable.location.segment);
  }
}

// Appends batches and syncs each, until it is killed.
int AppendForever(const std::string& folder, uint64_t first_number, const Child::Report& report) {
  auto store = OpenLocalSegmentStore(folder);
  if (!store.ok()) return 1;
  std::mt19937_64 random(first_number);
  while (true) {
    auto writer = (*store)->Lease();
    if (!writer.ok()) return 2;
    for (int batch = 0; batch < 10; ++batch) {
      std::vector<Durable> durables;
      std::string records;
      for (uint64_t i = 0; i < 1 + random() % 8; ++i) {
        const uint64_t raw_bytes = 1 + random() % 60'000;
        records += TestRecord(first_number, raw_bytes);
        durables.push_back({.number = first_number++, .raw_bytes = raw_bytes, .location = {}});
      }
      auto locations = (*writer)->Append(AsBytes(records));
      if (!locations.ok() || !(*writer)->Sync().ok()) return 3;
      for (size_t i = 0; i < durables.size(); ++i) {
        durables[i].location = (*locations)[i];
        report(durables[i]);
      }
    }
  }
}

TEST(Crash, WhatAKilledProcessCalledDurableIsThere) {
  TemporaryFolder folder;
  std::vector<Durable> reports;
  std::mt19937 random(1);
  for (uint64_t round = 0; round < 20; ++round) {
    Child child([&](const Child::Report& report) {
      return AppendForever(folder.path(), round << 32, report);
    });
    std::thread killer([&child, delay = std::chrono::milliseconds(20 + random() % 80)] {
      std::this_thread::sleep_for(delay);
      child.Kill();
    });
    const std::vector<Durable> more = child.ReadReports();
    killer.join();
    ASSERT_TRUE(WIFSIGNALED(child.Wait())) << "it ended before it was killed";
    reports.insert(reports.end(), more.begin(), more.end());
    auto store = OpenStore(folder.path());
    ASSERT_NE(store, nullptr);
    ASSERT_NO_FATAL_FAILURE(ExpectAllThere(*store, reports));
    for (const SegmentInfo& info : ListAll(*store)) {
      EXPECT_TRUE(info.sealed);
      EXPECT_TRUE(ScanAll(*store, info.id).damage.empty());
    }
  }
  EXPECT_GT(reports.size(), 20u) << "the children got nothing done";
}

// No file may grow beyond `limit_bytes`: writes then fail as on a full disk, after writing what
// fits.
void LimitFileSize(uint64_t limit_bytes) {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{.rlim_cur = limit_bytes, .rlim_max = limit_bytes};
  if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(98);
}

TEST(FullDisk, IsAnErrorAndTheStoreGoesOn) {
  TemporaryFolder folder;
  constexpr uint64_t kRecordBytes = 50'000;
  Child child([&](const Child::Report& report) {
    LimitFileSize(4 * kRecordBytes);
    auto store = OpenLocalSegmentStore(folder.path());
    if (!store.ok()) return 1;
    auto writer = (*store)->Lease();
    int failures = 0;
    std::vector<Durable> waiting;
    for (uint64_t number = 0; number < 40; ++number) {
      auto appended = (*writer)->Append(AsBytes(TestRecord(number, kRecordBytes)));
      if (!appended.ok()) {
        ++failures;
        continue;
      }
      waiting.push_back(
          {.number = number, .raw_bytes = kRecordBytes, .location = appended->front()});
      if (number % 7 != 6) continue;
      // Failed appends lie between these: they must not take the others with them.
      if (!(*writer)->Sync().ok()) return 2;
      for (const Durable& durable : std::exchange(waiting, {})) report(durable);
    }
    return failures >= 5 ? 0 : 3;
  });
  const std::vector<Durable> reports = child.ReadReports();
  const int status = child.Wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_GT(reports.size(), 20u);
  auto store = OpenStore(folder.path());
  ExpectAllThere(*store, reports);
  for (const SegmentInfo& info : ListAll(*store)) {
    EXPECT_TRUE(ScanAll(*store, info.id).damage.empty());
    EXPECT_LE(info.size_bytes, 4 * kRecordBytes);
  }
}

TEST(FullDisk, WithNoRoomAtAllNoFilesPileUp) {
  TemporaryFolder folder;
  Child child([&](const Child::Report&) {
    LimitFileSize(1000);
    auto store = OpenLocalSegmentStore(folder.path());
    if (!store.ok()) return 1;
    auto writer = (*store)->Lease();
    for (uint64_t number = 0; number < 20; ++number) {
      if ((*writer)->Append(AsBytes(TestRecord(number, 5000))).ok()) return 2;
      if (!(*writer)->Sync().ok()) return 3;
    }
    if (ListAll(**store).size() > 1) return 4;
    // What is small enough still fits, and stands where the failed ones stood.
    auto appended = (*writer)->Append(AsBytes(TestRecord(1, 100)));
    if (!appended.ok() || !(*writer)->Sync().ok()) return 5;
    return ReadRecord(**store, appended->front()) == TestRecord(1, 100) ? 0 : 6;
  });
  child.ReadReports();
  const int status = child.Wait();
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace dray
