// What nothing needs any more goes, beside traffic and through crashes: space comes back, uploads
// find what they were told is there, readers see no error, and `check` finds nothing wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMiB = 1 << 20;

class CollectionTest : public ::testing::Test {
 protected:
  explicit CollectionTest(uint64_t room_bytes = 2048 * kMiB)
      : stack_({.room_bytes = room_bytes,
                .transfer_flags = {"--compact-every", "200ms", "--rewrite-below", "0.6"}}) {}
  void SetUp() override {
    stack_.delta().AddFlags({"--log-level", "debug"});
    stack_.transfer().AddFlags({"--log-level", "debug"});
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  void Run(const std::vector<std::string>& arguments) {
    const CommandResult result = stack_.Dray(arguments);
    EXPECT_EQ(result.status, 0) << result.err;
  }
  // A file of random bytes, put as :/NAME.
  void Put(const std::string& name, uint64_t bytes, uint64_t seed) {
    WriteRandomFile(stack_.Path(name), bytes, seed);
    Run({"put", stack_.Path(name), ":/" + name});
  }
  // small0... that are to be kept lie among large0... that will go, in sealed segments.
  void PutSmallAmongLarge(int count) {
    for (int i = 0; i < count; ++i) {
      Put(absl::StrCat("large", i), 9 * kMiB, static_cast<uint64_t>(100 + i));
      Put(absl::StrCat("small", i), 300'000, static_cast<uint64_t>(200 + i));
    }
    SealAll();
  }
  void SealAll() {
    stack_.transfer().Stop();
    stack_.transfer().Start();
  }
  void ExpectStored(const std::string& name) {
    const std::string back = stack_.Target(absl::StrCat("back", ++targets_));
    const CommandResult got = stack_.Dray({"get", ":/" + name, back});
    ASSERT_EQ(got.status, 0) << got.err;
    EXPECT_TRUE(SameContents(stack_.Path(name), back)) << name;
    RemoveFile(back);
  }
  uint64_t StoreBytes() { return FolderBytes(stack_.StoreFolder()); }
  // Collects until no more than that is left in the store.
  bool ShrinksTo(uint64_t bytes) {
    return Eventually(absl::Seconds(60), [&] {
      stack_.Gc();
      return StoreBytes() <= bytes;
    });
  }
  // How often it is there.
  static size_t Count(const std::string& text, const std::string& what) {
    size_t count = 0;
    for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      ++count;
    return count;
  }

  Stack stack_;
  std::atomic<int> targets_ = 0;
};

TEST_F(CollectionTest, WhatWasReplacedGivesItsRoomBack) {
  Run({"retention", ":/", "--keep-last", "1"});
  for (uint64_t round = 1; round <= 4; ++round) Put("file", 40 * kMiB, round);
  Put("other", 10 * kMiB, 9);
  const uint64_t files = CountEntries(stack_.scratch().Path("delta"));
  const CommandResult dry = stack_.Gc({"--dry-run"});
  EXPECT_EQ(dry.status, 0) << dry.err;
  EXPECT_THAT(dry.out, HasSubstr("3 versions and 0 deleted names would be dropped"));
  EXPECT_EQ(dry.err, "") << "it says that it did something";
  EXPECT_GT(StoreBytes(), 160 * kMiB) << "a dry run changed something";
  EXPECT_EQ(CountEntries(stack_.scratch().Path("delta")), files) << "the copy was left behind";
  // What is left of segments that are written to stays: at most one for each writer.
  EXPECT_TRUE(ShrinksTo(50 * kMiB + 70 * kMiB)) << StoreBytes();
  ExpectStored("file");
  ExpectStored("other");
  stack_.ExpectSound();
}

TEST_F(CollectionTest, WithoutARuleNothingGoes) {
  Put("file", 8 * kMiB, 1);
  const std::string before = ReadFile(stack_.Path("file"));
  Put("file", 8 * kMiB, 2);
  Run({"rm", ":/file"});
  const CommandResult gc = stack_.Gc();
  EXPECT_THAT(gc.out, HasSubstr("0 versions and 0 deleted names dropped\n0 nodes and 0 chunks"));
  const std::string back = stack_.Target("back");
  Run({"get", "--version", "1", ":/file", back});
  EXPECT_TRUE(ReadFile(back) == before);
}

TEST_F(CollectionTest, ASegmentOfWhichLittleIsNeededIsRewritten) {
  Run({"retention", ":/", "--keep-last", "1"});
  PutSmallAmongLarge(12);
  for (int i = 0; i < 12; ++i) Run({"rm", absl::StrCat(":/large", i)});
  EXPECT_TRUE(ShrinksTo(12 * 300'000 + 4 * kMiB)) << StoreBytes();
  EXPECT_THAT(stack_.transfer().Output(), HasSubstr("is rewritten"));
  for (int i = 0; i < 12; ++i) ExpectStored(absl::StrCat("small", i));
  stack_.ExpectSound();
}

// As with a catalog that was backed up before the store: docs/operations.md, "Backup".
TEST_F(CollectionTest, ACatalogOfBeforeAMoveIsMendedByARebuild) {
  Run({"retention", ":/", "--keep-last", "1"});
  PutSmallAmongLarge(6);
  stack_.delta().Stop();
  const std::string before = ReadFile(stack_.CatalogFile());
  stack_.delta().Start();
  for (int i = 0; i < 6; ++i) Run({"rm", absl::StrCat(":/large", i)});
  ASSERT_TRUE(ShrinksTo(6 * 300'000 + 4 * kMiB)) << StoreBytes();
  stack_.delta().Stop();
  WriteFile(stack_.CatalogFile(), before, 0600);
  const CommandResult rebuild = stack_.Audit("rebuild");
  EXPECT_THAT(rebuild.out, HasSubstr("large0")) << "what is gone is named";
  EXPECT_THAT(rebuild.out, ::testing::Not(HasSubstr("small")));
  stack_.delta().Start();
  for (int i = 0; i < 6; ++i) ExpectStored(absl::StrCat("small", i));
}

// A store of bounded size takes much more than its size, one after the other.
class SmallStoreTest : public CollectionTest {
 protected:
  SmallStoreTest() : CollectionTest(420 * kMiB) {}
};

TEST_F(SmallStoreTest, IsFilledAndEmptiedAndFilledAgain) {
  Run({"retention", ":/", "--keep-last", "1"});
  for (uint64_t round = 1; round <= 5; ++round) {
    const std::string name = absl::StrCat("big", round);
    Put(name, 150 * kMiB, round);
    ExpectStored(name);
    Run({"rm", ":/" + name});
    RemoveFile(stack_.Path(name));
    EXPECT_TRUE(ShrinksTo(70 * kMiB)) << StoreBytes() << " in round " << round;
  }
  stack_.ExpectSound();
}

TEST_F(CollectionTest, UploadsOfWhatIsBeingCollectedAndReadersOfWhatIsBeingMovedSeeNothing) {
  Run({"retention", ":/", "--keep-last", "1"});
  Put("steady", 30 * kMiB, 1);
  std::atomic<bool> stop = false;
  std::thread collecting([&] {
    while (!stop) EXPECT_EQ(stack_.Gc().status, 0);
  });
  std::thread reading([&] {
    while (!stop) ExpectStored("steady");
  });
  // The same contents come and go under other names, so that each upload finds parts of the one
  // before condemned, deleted, or still there.
  for (uint64_t i = 0; i < 60; ++i) {
    WriteRandomFile(stack_.Path("come"), 6 * kMiB, 2 + i % 3);
    WriteRandomFile(stack_.Path("tiny"), 20'000, 2 + i % 3);
    Run({"put", stack_.Path("come"), stack_.Path("tiny"), ":/"});
    if (i % 2 == 1) Run({"rm", ":/come", ":/tiny"});
    if (i % 2 == 0) ExpectStored("come");
  }
  stop = true;
  collecting.join();
  reading.join();
  EXPECT_GT(Count(stack_.delta().Output(), "collected "), 3u);
  stack_.ExpectSound();
}

// kill -9 as soon as a service tells in its log that a step is done, or at a random moment.
class CollectionCrashTest : public CollectionTest {
 protected:
  struct Step {
    bool of_transfer = false;
    const char* told;  // in the log
  };
  // Kills when the log tells of the step once more; at the latest after a while.
  void KillAfter(const Step& step, absl::Duration latest) {
    Service& service = step.of_transfer ? stack_.transfer() : stack_.delta();
    const size_t before = Count(service.Output(), step.told);
    reached_ += Eventually(latest, [&] { return Count(service.Output(), step.told) > before; });
    service.Kill();
  }
  void StartAll() {
    if (!stack_.delta().running()) stack_.delta().Start();
    if (!stack_.transfer().running()) stack_.transfer().Start();
  }

  int reached_ = 0;
};

TEST_F(CollectionCrashTest, EveryStepMayBeTheLast) {
  constexpr Step kSteps[] = {{false, "dropped "},    {false, "condemned "},
                             {false, "collected "},  {true, "chunks are copied"},
                             {true, "is rewritten"}, {true, "is retired"},
                             {true, "deleted "}};
  Run({"retention", ":/", "--keep-last", "1"});
  Put("steady", 20 * kMiB, 1);
  std::mt19937_64 random(2026);
  uint64_t seed = 100;
  for (int round = 0; round < 3; ++round) {
    for (const Step& step : kSteps) {
      // Garbage in several segments, with something to keep among it.
      for (int i = 0; i < 3; ++i) {
        Put(absl::StrCat("kept", i), 700'000, ++seed);
        Put("gone", 9 * kMiB, ++seed);
      }
      SealAll();
      std::atomic<bool> stop = false;
      std::thread collecting([&] {
        while (!stop) stack_.Gc();  // fails while delta is away
      });
      std::thread uploading([&] {
        // Deduplicates against what is being collected. It may fail: services die.
        WriteRandomFile(stack_.Path("again"), 9 * kMiB, seed);
        stack_.Dray({"put", stack_.Path("again"), ":/gone", "--retries", "1"});
      });
      // Waits for the service that died, and sees no error.
      std::thread reading([&] {
        for (int i = 0; !stop; ++i) ExpectStored(i % 2 == 0 ? "kept0" : "steady");
      });
      KillAfter(step, absl::Seconds(8));
      StartAll();
      uploading.join();
      stop = true;
      collecting.join();
      reading.join();
      ExpectStored("steady");
      for (int i = 0; i < 3; ++i) ExpectStored(absl::StrCat("kept", i));
      Run({"put", stack_.Path("again"), ":/gone"});
      WriteFile(stack_.Path("gone"), ReadFile(stack_.Path("again")));
      ExpectStored("gone");
    }
    stack_.ExpectSound();
  }
  EXPECT_GE(reached_, 11) << "too few of the steps were reached before the kill";
  EXPECT_TRUE(ShrinksTo(40 * kMiB + 70 * kMiB)) << StoreBytes();
  stack_.ExpectSound();
}

}  // namespace
}  // namespace dray::testing
