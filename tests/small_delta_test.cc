// Many small files, of which some were edited a little: what a get and a sync of them move.
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

constexpr int kFiles = 200;
constexpr int kEdited = 50;

class SmallDeltaTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    source_ = stack_.Path("source");
    target_ = stack_.Path("target");
    back_ = target_ + "/there";
    MakeFolder(source_);
    MakeFolder(target_);
    std::mt19937_64 random(1);
    for (int i = 0; i < kFiles; ++i) {
      contents_.push_back(RandomText(1024 + random() % (63 << 10), static_cast<uint64_t>(i)));
      Write(i);
    }
    stack_.DrayStats({"sync", source_, ":/there"});
  }
  static std::string Name(int i) { return "/file" + std::to_string(i); }
  void Write(int i) { WriteFile(source_ + Name(i), contents_[static_cast<size_t>(i)]); }
  // Changes 20 bytes in each of the first kEdited files on the server; returns how long those are.
  uint64_t Edit(uint64_t seed) {
    std::mt19937_64 random(seed);
    uint64_t bytes = 0;
    for (int i = 0; i < kEdited; ++i) {
      std::string& file = contents_[static_cast<size_t>(i)];
      file.replace(random() % (file.size() - 20), 20, RandomText(20, random()));
      Write(i);
      bytes += file.size();
    }
    stack_.DrayStats({"sync", source_, ":/there"});
    return bytes;
  }
  static uint64_t Received(const CommandResult& result) {
    return result.Stats()["bytes_received"].get<uint64_t>();
  }
  void ExpectBack() {
    for (const std::string& difference : Differences(source_, back_)) ADD_FAILURE() << difference;
  }

  Stack stack_;
  std::string source_, target_, back_;
  std::vector<std::string> contents_;
};

TEST_F(SmallDeltaTest, AGetMovesWhatWasEdited) {
  const uint64_t fresh = Received(stack_.DrayStats({"get", ":/there", target_}));
  EXPECT_GT(fresh, FolderBytes(source_));
  ExpectBack();
  const uint64_t edited = Edit(2);
  const CommandResult get = stack_.DrayStats({"get", ":/there", target_});
  const uint64_t names = Received(stack_.DrayStats({"get", ":/there", target_}));
  RecordProperty("edited_bytes", std::to_string(edited));
  RecordProperty("received_bytes", std::to_string(Received(get)));
  RecordProperty("of_which_names", std::to_string(names));
  EXPECT_LT(Received(get), edited / 20) << "of " << edited;
  EXPECT_EQ(get.Stats()["files"].get<int>(), kFiles);
  ExpectBack();
  stack_.ExpectSound();
}

TEST_F(SmallDeltaTest, ASyncMovesWhatWasEdited) {
  stack_.DrayStats({"sync", ":/there", back_});
  ExpectBack();
  const uint64_t edited = Edit(3);
  EXPECT_LT(Received(stack_.DrayStats({"sync", ":/there", back_})), edited / 20) << "of " << edited;
  ExpectBack();
}

// What is here was changed here as well: the server never saw it, and all arrives all the same.
TEST_F(SmallDeltaTest, WhatWasChangedHereIsNoObstacle) {
  stack_.DrayStats({"get", ":/there", target_});
  for (int i = 0; i < kFiles; ++i) {
    WriteFile(back_ + Name(i), i % 2 == 0 ? "changed" + contents_[static_cast<size_t>(i)] : "");
  }
  Edit(4);
  stack_.DrayStats({"get", ":/there", target_});
  ExpectBack();
}

}  // namespace
}  // namespace dray::testing
