// Gets of small files over older copies, against a server in this process: what moves, and what
// happens when what is here changes, or what comes is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/dray.h"
#include "client/testing/fake_server.h"
#include "client/testing/scratch_tree.h"

namespace dray {
namespace {

using testing::FakeServer;
using testing::Noise;
using testing::ScratchTree;

constexpr int kFiles = 6;
constexpr size_t kFileBytes = 300'000;

class OldCopyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.MakeFolder("a");
    wire::v1::Version folder;
    folder.set_path("a");
    folder.set_number(1);
    folder.mutable_metadata()->set_kind(wire::v1::FOLDER);
    folder.mutable_metadata()->set_mode(0755);
    server_.AddVersion(folder);
    for (int i = 0; i < kFiles; ++i) {
      before_.push_back(Noise(kFileBytes, static_cast<uint64_t>(i)));
      after_.push_back(before_.back());
      after_.back().replace(150'000, 10, "a new text");
      server_.AddFile("a/" + Name(i), before_.back());
      server_.AddFile("a/" + Name(i), after_.back());
      tree_.Write("a/" + Name(i), before_.back());
    }
    script_.features = wire::v1::OLD_COPIES;
  }
  static std::string Name(int i) { return "file" + std::to_string(i); }

  Outcome Run() {
    server_.SetScript(script_);
    ClientOptions options;
    options.server = server_.address();
    options.connections = 1;
    options.silence_timeout = absl::Seconds(2);
    options.sleep = [this](absl::Duration) {
      ++waits_;
      return true;
    };
    Client client(options);
    const GetJob job = {.remote = "a", .local = tree_.Path("a")};
    return client.Get({&job, 1}, {});
  }
  // Gets the folder over what is there; all of it has to arrive.
  Summary Get() {
    const Outcome outcome = Run();
    EXPECT_TRUE(outcome.ok()) << outcome.status;
    for (const FileReport& failed : outcome.summary.failures) ADD_FAILURE() << failed.status;
    EXPECT_EQ(outcome.summary.files, static_cast<uint64_t>(kFiles));
    EXPECT_EQ(outcome.summary.bytes_total, kFiles * kFileBytes);
    for (int i = 0; i < kFiles; ++i) {
      EXPECT_TRUE(tree_.Read("a/" + Name(i)) == after_[static_cast<size_t>(i)]) << i;
      EXPECT_FALSE(tree_.Exists("a/." + Name(i) + ".dray-part"));
    }
    return outcome.summary;
  }
  // That file is damaged on the way, and no other.
  void ExpectFailure(int file, const Outcome& outcome) {
    ASSERT_EQ(outcome.summary.failures.size(), 1u);
    EXPECT_EQ(outcome.summary.failures[0].status.code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(outcome.summary.failures[0].remote, "a/" + Name(file));
    for (int i = 0; i < kFiles; ++i) {
      if (i == file) continue;
      EXPECT_TRUE(tree_.Read("a/" + Name(i)) == after_[static_cast<size_t>(i)]) << i;
    }
  }
  static uint16_t RequestOf(const std::string& frame) {
    return DecodeFrameHeader(AsBytes(frame).data(), kMaxFramePayloadBytes)->request;
  }
  // Calls `change` when the first request has come and before it is answered.
  void AtFirstGet(std::function<void()> change) {
    script_.on_frame = [change = std::move(change)](FrameType type, int count) {
      if (type == FrameType::kGet && count == 0) change();
      return FakeServer::Action::kServe;
    };
  }
  // Changes the first `count` deltas.
  void Rewrite(std::function<void(wire::v1::GetDelta*)> change, int count = 1) {
    script_.rewrite = [change = std::move(change), left = std::make_shared<std::atomic<int>>(
                                                       count)](FrameType type, std::string* frame) {
      if (type != FrameType::kGetDelta || (*left)-- <= 0) return;
      wire::v1::GetDelta delta;
      ASSERT_TRUE(delta.ParseFromString(frame->substr(kFrameHeaderBytes)));
      change(&delta);
      const uint16_t request = RequestOf(*frame);
      frame->clear();
      AppendControlFrame(type, request, delta, frame);
    };
  }

  ScratchTree tree_;
  FakeServer server_;
  FakeServer::Script script_;
  std::vector<std::string> before_, after_;
  std::atomic<int> waits_ = 0;
};

TEST_F(OldCopyTest, OnlyWhatIsNewMoves) {
  const Summary summary = Get();
  EXPECT_LT(summary.bytes_received, 10'000u);
  EXPECT_EQ(summary.chunks_sent, static_cast<uint64_t>(kFiles));
  EXPECT_GT(summary.chunks_total, 2u * kFiles);
  EXPECT_GT(summary.bytes_saved, (kFiles - 1) * kFileBytes);
  EXPECT_EQ(server_.FramesSeen(FrameType::kGet), 1);
}

TEST_F(OldCopyTest, AServerThatDoesNotKnowHowSendsAll) {
  script_.features = 0;
  EXPECT_GT(Get().bytes_received, kFiles * kFileBytes);
}

TEST_F(OldCopyTest, WhatTheServerNeverSawIsGotWhole) {
  for (int i = 0; i < kFiles; ++i) tree_.Write("a/" + Name(i), Noise(200'000, 100));
  EXPECT_GT(Get().bytes_received, kFiles * kFileBytes);
  EXPECT_EQ(server_.FramesSeen(FrameType::kGet), 1);
}

TEST_F(OldCopyTest, AnOldCopyOfAnotherFileIsASourceToo) {
  const std::string longer = Noise(200'000, 200) + before_[0] + Noise(50'000, 201);
  server_.AddFile("elsewhere", longer);
  tree_.Write("a/" + Name(0), longer);
  EXPECT_LT(Get().bytes_received, kFileBytes / 2);
}

TEST_F(OldCopyTest, ACopyThatChangesAfterItWasNamedIsNotTrusted) {
  AtFirstGet([this] {
    tree_.Write("a/" + Name(1), Noise(kFileBytes, 300));         // others
    tree_.Write("a/" + Name(2), before_[2].substr(0, 100'000));  // shorter
    tree_.Write("a/" + Name(3), "!" + before_[3].substr(1));     // one byte
    ::unlink(tree_.Path("a/" + Name(4)).c_str());                // gone
  });
  const Summary summary = Get();
  EXPECT_GT(summary.bytes_received, 4 * kFileBytes);
  EXPECT_LT(summary.bytes_received, 4 * kFileBytes + 20'000);
  EXPECT_EQ(server_.FramesSeen(FrameType::kGet), 2);
  EXPECT_EQ(waits_, 0) << "the connection was given up";
}

TEST_F(OldCopyTest, ADeltaThatMakesSomethingElseCostsThatFileAlone) {
  const std::vector<std::function<void(wire::v1::GetDelta*)>> lies = {
      [](auto* delta) { delta->clear_delta(); },
      [](auto* delta) { delta->set_delta(Noise(1000, 1)); },
      [](auto* delta) { delta->mutable_delta()->at(delta->delta().size() / 2) ^= 1; },
      [](auto* delta) { delta->set_base_first(1); },
      [](auto* delta) { delta->set_base_count(0xFFFFFFFF); },
      [](auto* delta) { delta->set_base_first(0xFFFFFFFF); },
      [](auto* delta) { delta->set_base_count(0); }};
  for (const auto& lie : lies) {
    for (int i = 0; i < kFiles; ++i) tree_.Write("a/" + Name(i), before_[static_cast<size_t>(i)]);
    const int asked = server_.FramesSeen(FrameType::kGet);
    Rewrite(lie);
    const Summary summary = Get();
    EXPECT_EQ(server_.FramesSeen(FrameType::kGet), asked + 2);
    EXPECT_LT(summary.bytes_received, kFileBytes + 20'000);
  }
}

TEST_F(OldCopyTest, ADeltaThatNobodyAskedForFailsThatFileAlone) {
  ::unlink(tree_.Path("a/" + Name(2)).c_str());
  script_.rewrite = [request = std::make_shared<std::atomic<uint16_t>>(0)](FrameType type,
                                                                           std::string* frame) {
    if (type == FrameType::kGetItems) *request = RequestOf(*frame);
    if (type != FrameType::kData) return;
    wire::v1::GetDelta delta;
    delta.set_delta("nonsense");
    frame->clear();
    AppendControlFrame(FrameType::kGetDelta, *request, delta, frame);
  };
  ExpectFailure(2, Run());
  EXPECT_FALSE(tree_.Exists("a/" + Name(2)));
}

// A list that is not the version's: nothing of that file is believed.
TEST_F(OldCopyTest, AListOfChunksThatIsNotTheVersionsFailsThatFileAlone) {
  const std::vector<std::function<void(std::string*)>> lies = {
      [](std::string* entries) { entries->at(3) ^= 1; },
      [](std::string* entries) { entries->pop_back(); },
      [](std::string* entries) { entries->resize(entries->size() - 36); },
      [](std::string* entries) { entries->append(*entries); },
      [](std::string* entries) { entries->at(32) = 1; }};
  const std::string root = server_.Find("a/file0")->root();
  for (const auto& lie : lies) {
    for (int i = 0; i < kFiles; ++i) tree_.Write("a/" + Name(i), before_[static_cast<size_t>(i)]);
    script_.rewrite = [lie, root](FrameType type, std::string* frame) {
      if (type != FrameType::kGetItems) return;
      wire::v1::GetItems items;
      ASSERT_TRUE(items.ParseFromString(frame->substr(kFrameHeaderBytes)));
      for (auto& item : *items.mutable_items()) {
        if (item.version().root() == root) lie(item.mutable_entries());
      }
      const uint16_t request = RequestOf(*frame);
      frame->clear();
      AppendControlFrame(type, request, items, frame);
    };
    ExpectFailure(0, Run());
    EXPECT_TRUE(tree_.Read("a/file0") == before_[0]);
  }
}

TEST_F(OldCopyTest, ALostConnectionGoesOnWithWhatIsLeft) {
  script_.close_after_data_frames = 3;
  const Summary summary = Get();
  EXPECT_LT(summary.bytes_received, 10'000u);
  EXPECT_EQ(server_.FramesSeen(FrameType::kGet), 2);
}

}  // namespace
}  // namespace dray
