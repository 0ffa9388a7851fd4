// Round trips and bad servers, against a server in this process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "client/dray.h"
#include "client/testing/fake_server.h"
#include "client/testing/scratch_tree.h"
#include "core/base/bytes.h"
#include "core/framing/frame.h"
#include "core/subchunk/signature.h"

namespace dray {
namespace {

using ::testing::ElementsAre;
using testing::FakeServer;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Noise;
using testing::ScratchTree;

constexpr int64_t kTime = 1'234'567'890'123'456'789;

class PutGetTest : public ::testing::Test {
 protected:
  ClientOptions Options() {
    ClientOptions options;
    options.server = server_.address();
    options.connections = 2;
    options.silence_timeout = absl::Milliseconds(500);
    options.sleep = [this](absl::Duration wait) {
      waits_.push_back(absl::ToInt64Seconds(wait));
      return true;
    };
    options.callbacks.on_notice = [this](const Notice& notice) {
      notices_.push_back(notice.message);
    };
    return options;
  }
  Outcome Put(const std::string& name, const std::string& remote, PutOptions options = {}) {
    Client client(Options());
    const PutJob job = {tree_.Path(name), remote};
    return client.Put({&job, 1}, options);
  }
  Outcome Get(const std::string& remote, const std::string& name, GetOptions options = {}) {
    Client client(Options());
    const GetJob job = {.remote = remote, .local = tree_.Path(name)};
    return client.Get({&job, 1}, options);
  }
  // What went wrong, whether with all or with the first file.
  static absl::Status Failure(const Outcome& outcome) {
    if (!outcome.status.ok() || outcome.summary.failures.empty()) return outcome.status;
    return outcome.summary.failures[0].status;
  }
  void ScriptListing(std::vector<wire::v1::Version> listing) {
    FakeServer::Script script;
    script.listing = std::move(listing);
    server_.SetScript(script);
  }
  static wire::v1::Version Entry(const std::string& path, wire::v1::EntryKind kind,
                                 const std::string& link = "") {
    wire::v1::Version version;
    version.set_path(path);
    version.set_number(1);
    version.mutable_metadata()->set_kind(kind);
    version.mutable_metadata()->set_mode(0755);
    version.mutable_metadata()->set_symlink_target(link);
    return version;
  }
  // A folder with every kind of thing in it.
  void MakeTree() {
    tree_.MakeFolder("a");
    tree_.MakeFolder("a/empty");
    tree_.MakeFolder("a/sub");
    tree_.Write("a/zero", "");
    tree_.Write("a/sub/small", "some text");
    tree_.Write("a/sub/middle", Noise(300'000, 1));
    tree_.Write("a/sub/again", Noise(300'000, 1));
    tree_.Write("a/large", Noise(5'000'000, 2));
    tree_.MakeLink("a/link", "sub/small");
    tree_.MakeLink("a/nowhere", "/does/not/exist");
    std::string all;
    for (int c = 1; c < 256; ++c) {
      if (c != '/') all += static_cast<char>(c);
    }
    tree_.Write("a/" + all, "every byte");
    tree_.SetMode("a/sub/small", 0640);
    tree_.SetMode("a/large", 0400);
    tree_.SetTime("a/link", kTime + 1);
    tree_.SetTime("a/large", kTime + 2);
    tree_.SetTime("a/zero", 0);
    tree_.SetMode("a/empty", 0500);
    tree_.SetTime("a/empty", kTime + 3);
    tree_.SetTime("a/sub", kTime + 4);
    tree_.SetTime("a", kTime + 5);
  }

  ScratchTree tree_;
  FakeServer server_;
  std::vector<int64_t> waits_;
  std::vector<std::string> notices_;
};

TEST_F(PutGetTest, FolderComesBackAsItWas) {
  MakeTree();
  const Outcome put = Put("a", "x/a");
  ASSERT_TRUE(put.ok()) << Failure(put);
  EXPECT_EQ(put.summary.files, 6u);
  EXPECT_EQ(put.summary.folders, 3u);
  EXPECT_EQ(put.summary.links, 2u);
  EXPECT_TRUE(server_.Contents("x/a/large") == Noise(5'000'000, 2));
  const Outcome get = Get("x/a", "back");
  ASSERT_TRUE(get.ok()) << Failure(get);
  EXPECT_TRUE(tree_.Describe("back") == tree_.Describe("a"));
  EXPECT_EQ(get.summary.bytes_total, put.summary.bytes_total);
}

TEST_F(PutGetTest, SecondPutAndGetMoveNoContents) {
  MakeTree();
  ASSERT_TRUE(Put("a", "a").ok());
  const Outcome again = Put("a", "a");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.summary.chunks_sent, 0u);
  EXPECT_EQ(again.summary.unchanged, 11u);
  EXPECT_LT(again.summary.bytes_sent, 20'000u);
  ASSERT_TRUE(Get("a", "back").ok());
  const Outcome got = Get("a", "back");
  ASSERT_TRUE(got.ok()) << Failure(got);
  EXPECT_EQ(got.summary.chunks_sent, 0u);
  EXPECT_TRUE(tree_.Describe("back") == tree_.Describe("a"));
}

TEST_F(PutGetTest, OneSmallFileNeedsOneRequest) {
  tree_.Write("f", "short");
  ASSERT_TRUE(Put("f", "f").ok());
  EXPECT_EQ(server_.FramesSeen(FrameType::kPutBatch), 1);
  EXPECT_EQ(server_.FramesSeen(FrameType::kPutOpen), 0);
  EXPECT_EQ(server_.Contents("f"), "short");
}

// The fake server takes no deltas: what it wanted, it wants again.
TEST_F(PutGetTest, ADeltaThatWasOfNoUseIsFollowedByTheWholeChunk) {
  const std::string old = Noise(30'000, 5);
  int deltas = 0;
  FakeServer::Script script;
  script.features = wire::v1::BATCH_DELTAS;
  script.rewrite = [&](FrameType type, std::string* frame) {
    if (type != FrameType::kPutBatchDone) return;
    wire::v1::PutBatchDone done;
    ASSERT_TRUE(done.ParseFromString(frame->substr(kFrameHeaderBytes)));
    for (auto& answer : *done.mutable_answers()) {
      if (answer.missing().empty() || ++deltas > 1) continue;
      auto* const base = answer.add_bases();
      base->set_count(static_cast<uint32_t>(answer.missing_size()));
      base->set_block_bytes(512);
      base->set_hashes(*SignBlocks(AsBytes(old), 512));
    }
    const uint16_t request = LoadBigEndian<uint16_t>(AsBytes(*frame).data() + 6);
    frame->clear();
    AppendControlFrame(type, request, done, frame);
  };
  server_.SetScript(script);
  tree_.Write("f", "x" + old);
  const Outcome put = Put("f", "f");
  ASSERT_TRUE(put.ok()) << Failure(put);
  EXPECT_EQ(deltas, 2) << "asked for with a base, and again without";
  EXPECT_EQ(server_.FramesSeen(FrameType::kPutBatch), 3);
  EXPECT_EQ(server_.Contents("f"), "x" + old);
}

TEST_F(PutGetTest, InsertionMovesOnlyWhatIsNew) {
  tree_.Write("f", Noise(6'000'000, 3));
  ASSERT_TRUE(Put("f", "f").ok());
  tree_.Write("f", "x" + Noise(6'000'000, 3));
  const Outcome put = Put("f", "f");
  ASSERT_TRUE(put.ok());
  EXPECT_LE(put.summary.chunks_sent, 3u);
  EXPECT_EQ(put.summary.bytes_total, 6'000'001u);
  EXPECT_TRUE(server_.Contents("f") == "x" + Noise(6'000'000, 3));
}

TEST_F(PutGetTest, GetCompletesAnOlderFile) {
  server_.AddFile("f", Noise(8'000'000, 4));
  tree_.Write("f", Noise(3'000'000, 5) + Noise(8'000'000, 4).substr(0, 6'000'000));
  const Outcome get = Get("f", "f");
  ASSERT_TRUE(get.ok()) << Failure(get);
  EXPECT_TRUE(tree_.Read("f") == Noise(8'000'000, 4));
  EXPECT_LT(get.summary.bytes_received, 3'000'000u);
  EXPECT_FALSE(tree_.Exists(".f.dray-part"));
}

TEST_F(PutGetTest, GetGoesOnFromAPart) {
  server_.AddFile("f", Noise(8'000'000, 6));
  tree_.Write(".f.dray-part", Noise(8'000'000, 6).substr(0, 5'000'000));
  const Outcome get = Get("f", "f");
  ASSERT_TRUE(get.ok()) << Failure(get);
  EXPECT_TRUE(tree_.Read("f") == Noise(8'000'000, 6));
  EXPECT_LT(get.summary.bytes_received, 4'000'000u);
  EXPECT_FALSE(tree_.Exists(".f.dray-part"));
}

TEST_F(PutGetTest, PartThatIsALinkIsNotFollowed) {
  server_.AddFile("f", Noise(2'000'000, 6));
  tree_.Write("victim", "untouched");
  tree_.MakeLink(".f.dray-part", tree_.Path("victim"));
  EXPECT_FALSE(Get("f", "f").ok());
  EXPECT_EQ(tree_.Read("victim"), "untouched");
}

TEST_F(PutGetTest, ZeroesBecomeHoles) {
  server_.AddFile("f", std::string(8'000'000, '\0') + "end");
  ASSERT_TRUE(Get("f", "f").ok());
  EXPECT_TRUE(tree_.Read("f") == std::string(8'000'000, '\0') + "end");
  struct stat status;
  ASSERT_EQ(::stat(tree_.Path("f").c_str(), &status), 0);
  EXPECT_LT(status.st_blocks * 512, 1'000'000);
}

TEST_F(PutGetTest, SpecialModesAreDroppedUnlessAsked) {
  tree_.Write("f", "x");
  tree_.SetMode("f", 04755);
  ASSERT_TRUE(Put("f", "f").ok());
  ASSERT_TRUE(Get("f", "plain").ok());
  GetOptions keep;
  keep.keep_special_modes = true;
  ASSERT_TRUE(Get("f", "kept", keep).ok());
  struct stat status;
  ASSERT_EQ(::stat(tree_.Path("plain").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0755u);
  ASSERT_EQ(::stat(tree_.Path("kept").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 04755u);
}

TEST_F(PutGetTest, WhatIsNoFileIsSkippedAndTold) {
  tree_.MakeFolder("a");
  ASSERT_EQ(::mkfifo(tree_.Path("a/pipe").c_str(), 0600), 0);
  tree_.Write("a/f", "x");
  const Outcome put = Put("a", "a");
  EXPECT_TRUE(put.ok());
  EXPECT_EQ(put.summary.skipped, 1u);
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_THAT(notices_[0], HasSubstr("named pipe"));
  EXPECT_THAT(server_.Paths(), ElementsAre("a", "a/f"));
}

TEST_F(PutGetTest, UnfinishedFilesAreNeitherPutNorGot) {
  tree_.MakeFolder("a");
  tree_.Write("a/f", "whole");
  tree_.Write("a/.f.dray-part", "part");
  const Outcome put = Put("a", "a");
  EXPECT_TRUE(put.ok());
  EXPECT_EQ(put.summary.skipped, 1u);
  EXPECT_THAT(server_.Paths(), ElementsAre("a", "a/f"));
  // Another client may have put one: it must not be taken for what a get has begun.
  server_.AddFile("a/.f.dray-part", "part");
  const Outcome get = Get("a", "back");
  EXPECT_EQ(get.summary.failed, 1u);
  EXPECT_THAT(std::string(Failure(get).message()), HasSubstr("unfinished"));
  EXPECT_EQ(tree_.Read("back/f"), "whole");
  EXPECT_FALSE(tree_.Exists("back/.f.dray-part"));
}

TEST_F(PutGetTest, MissingSourceFailsAlone) {
  tree_.Write("f", "x");
  Client client(Options());
  const std::vector<PutJob> jobs = {{tree_.Path("none"), "none"}, {tree_.Path("f"), "f"}};
  const Outcome put = client.Put(jobs);
  EXPECT_TRUE(put.status.ok());
  EXPECT_EQ(put.summary.failed, 1u);
  EXPECT_EQ(put.summary.files, 1u);
  EXPECT_EQ(Failure(put).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(server_.Contents("f"), "x");
}

TEST_F(PutGetTest, PreconditionIsKept) {
  server_.AddFile("f", "old");
  server_.AddFile("g", Noise(2'000'000, 9));
  tree_.Write("f", "new");
  tree_.Write("g", Noise(2'000'000, 10));
  PutOptions absent;
  absent.replaces.emplace().set_absent(true);
  EXPECT_EQ(Failure(Put("f", "f", absent)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Failure(Put("g", "g", absent)).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(server_.Contents("f"), "old");
  EXPECT_THAT(waits_, IsEmpty());
}

TEST_F(PutGetTest, LostConnectionsAreRetriedUnderTheSameOperation) {
  FakeServer::Script script;
  script.on_frame = [](FrameType type, int count) {
    return type == FrameType::kPutBatch && count < 3 ? FakeServer::Action::kClose
                                                     : FakeServer::Action::kServe;
  };
  server_.SetScript(script);
  tree_.Write("f", "x");
  ASSERT_TRUE(Put("f", "f").ok());
  EXPECT_THAT(waits_, ElementsAre(1, 2, 4));
  const auto ids = server_.OperationIds();
  ASSERT_EQ(ids.size(), 1u) << "the others never came through";
  EXPECT_EQ(notices_.size(), 3u);
}

TEST_F(PutGetTest, CommitWhoseAnswerIsLostIsRepeatedUnderTheSameOperation) {
  FakeServer::Script script;
  script.on_frame = [](FrameType type, int count) {
    return type == FrameType::kPutCommit && count == 0 ? FakeServer::Action::kClose
                                                       : FakeServer::Action::kServe;
  };
  server_.SetScript(script);
  tree_.Write("f", Noise(3'000'000, 11));
  const Outcome put = Put("f", "f");
  ASSERT_TRUE(put.ok()) << Failure(put);
  const auto ids = server_.OperationIds();
  ASSERT_EQ(ids.size(), 2u);
  EXPECT_EQ(ids[0], ids[1]);
  EXPECT_EQ(put.summary.bytes_total, 3'000'000u);
}

TEST_F(PutGetTest, SilentServerIsGivenUp) {
  FakeServer::Script script;
  script.on_frame = [](FrameType type, int) {
    return type == FrameType::kStat ? FakeServer::Action::kIgnore : FakeServer::Action::kServe;
  };
  server_.SetScript(script);
  ClientOptions options = Options();
  options.retry.retries = 1;
  Client client(options);
  const absl::Status status = client.Stat("f").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("said nothing"));
  EXPECT_THAT(waits_, ElementsAre(1));
}

TEST_F(PutGetTest, UnreachableServerIsTriedFiveTimesMore) {
  ClientOptions options = Options();
  {
    FakeServer gone;
    options.server = gone.address();
  }
  Client client(options);
  const absl::Status status = client.Stat("f").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot reach 127.0.0.1:"));
  EXPECT_THAT(waits_, ElementsAre(1, 2, 4, 8, 16));
}

TEST_F(PutGetTest, ServersWishForTheWaitIsHonoured) {
  FakeServer::Script script;
  script.on_frame = [](FrameType type, int count) {
    return type == FrameType::kStat && count == 0 ? FakeServer::Action::kRefuse
                                                  : FakeServer::Action::kServe;
  };
  script.refusal.set_code(static_cast<int>(absl::StatusCode::kResourceExhausted));
  script.refusal.set_retry(true);
  script.refusal.set_retry_after_ms(7000);
  server_.SetScript(script);
  server_.AddFile("f", "x");
  Client client(Options());
  EXPECT_TRUE(client.Stat("f").ok());
  EXPECT_THAT(waits_, ElementsAre(7));
}

TEST_F(PutGetTest, InterruptedDownloadGoesOn) {
  FakeServer::Script script;
  script.close_after_data_frames = 40;
  server_.SetScript(script);
  server_.AddFile("f", Noise(5'000'000, 12));
  const Outcome get = Get("f", "f");
  ASSERT_TRUE(get.ok()) << Failure(get);
  EXPECT_TRUE(tree_.Read("f") == Noise(5'000'000, 12));
  EXPECT_LT(get.summary.bytes_received, 5'600'000u) << "what had arrived came again";
  EXPECT_THAT(waits_, ElementsAre(1));
}

TEST_F(PutGetTest, SmallFilesSurviveALostConnection) {
  FakeServer::Script script;
  script.close_after_data_frames = 30;
  server_.SetScript(script);
  for (int i = 0; i < 100; ++i) server_.AddFile("a/" + std::to_string(i), Noise(5000, 100 + i));
  server_.AddVersion(Entry("a", wire::v1::FOLDER));
  const Outcome get = Get("a", "a");
  ASSERT_TRUE(get.ok()) << Failure(get);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(tree_.Read("a/" + std::to_string(i)) == Noise(5000, 100 + i));
  }
}

TEST_F(PutGetTest, UploadThatIsAlwaysRefusedIsGivenUp) {
  FakeServer::Script script;
  script.refuse_data_frames = 100;
  server_.SetScript(script);
  tree_.Write("f", Noise(3'000'000, 13));
  const Outcome put = Put("f", "f");
  EXPECT_EQ(Failure(put).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(put.summary.bytes_total, 0u);
  EXPECT_THAT(waits_, ElementsAre(1, 2, 4, 8, 16));
}

// Fewer than 16 chunks are one node, which is offered when the client has read the whole file, and
// before it has an answer it does nothing: it never sees the new contents half written.
TEST_F(PutGetTest, FileThatChangesOnceIsPutAsItIsInTheEnd) {
  const std::string after(1'150'000, 'a');  // in chunks of 256 KiB
  FakeServer::Script script;
  script.on_frame = [&](FrameType type, int count) {
    if (type == FrameType::kPutOffer && count == 0) tree_.Write("f", after);
    return FakeServer::Action::kServe;
  };
  server_.SetScript(script);
  tree_.Write("f", std::string(1'100'000, 'b'));
  const Outcome put = Put("f", "f");
  ASSERT_TRUE(put.ok()) << Failure(put);
  EXPECT_TRUE(server_.Contents("f") == after);
  EXPECT_EQ(put.summary.bytes_total, after.size());
  EXPECT_LT(put.summary.chunks_total, 16u);
  EXPECT_THAT(notices_, ElementsAre(HasSubstr("starting over")));
}

TEST_F(PutGetTest, RestlessFileEndsWithAClearError) {
  FakeServer::Script script;
  script.on_frame = [this](FrameType type, int count) {
    if (type == FrameType::kPutOffer) tree_.Write("f", Noise(3'000'000, 20 + count));
    return FakeServer::Action::kServe;
  };
  server_.SetScript(script);
  tree_.Write("f", Noise(3'000'000, 13));
  const Outcome put = Put("f", "f");
  EXPECT_EQ(Failure(put).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(Failure(put).message()), HasSubstr("keeps changing"));
  EXPECT_FALSE(server_.Find("f").has_value());
}

// ---- Servers that lie ----

TEST_F(PutGetTest, WrongContentsLeaveTheTargetAlone) {
  for (const size_t size : {size_t{2000}, size_t{3'000'000}}) {
    // A small file is finished, and proven, before data too much can show.
    for (int fault = 0; fault < (size < 1'000'000 ? 3 : 4); ++fault) {
      const std::string name = std::to_string(size) + "-" + std::to_string(fault);
      server_.AddFile(name, Noise(size, 14));
      tree_.Write(name, "old");
      FakeServer::Script script;
      script.corrupt_data = fault == 0;
      script.mislabel_data = fault == 1;
      script.wrong_data_bytes = fault == 2;
      script.extra_data = fault == 3;
      server_.SetScript(script);
      // A large target is completed by ranges, so nothing but the chunks counts there.
      if (size > 1'000'000) {
        ASSERT_EQ(::unlink(tree_.Path(name).c_str()), 0);
      }
      const Outcome get = Get(name, name);
      EXPECT_EQ(Failure(get).code(), absl::StatusCode::kDataLoss) << name << Failure(get);
      EXPECT_EQ(get.summary.failed, 1u) << name;
      if (size < 1'000'000) {
        EXPECT_TRUE(tree_.Read(name) == "old") << name;
      } else {
        EXPECT_FALSE(tree_.Exists(name)) << name;
      }
    }
  }
  EXPECT_THAT(waits_, IsEmpty());
}

TEST_F(PutGetTest, ListedNamesThatEscapeAreRefused) {
  server_.AddVersion(Entry("a", wire::v1::FOLDER));
  for (const std::string path :
       {"a/../../escaped", "../escaped", "/escaped", "b/escaped", "a/", "a//escaped", "a/./x"}) {
    ScriptListing({Entry(path, wire::v1::FOLDER)});
    tree_.MakeFolder("target");
    const Outcome get = Get("a", "target/a");
    EXPECT_EQ(Failure(get).code(), absl::StatusCode::kDataLoss) << path;
    EXPECT_FALSE(tree_.Exists("escaped")) << path;
    EXPECT_FALSE(tree_.Exists("target/escaped")) << path;
    std::string remove = "rm -r " + tree_.Path("target");
    ASSERT_EQ(::system(remove.c_str()), 0);
  }
}

TEST_F(PutGetTest, LinkInTheListingLeadsNothingOut) {
  tree_.MakeFolder("outside");
  server_.AddVersion(Entry("a", wire::v1::FOLDER));
  server_.AddFile("a/link/f", "evil");
  std::vector<wire::v1::Version> listing = {Entry("a/link", wire::v1::SYMLINK, "../outside")};
  listing.push_back(*server_.Find("a/link/f"));
  ScriptListing(listing);
  Get("a", "target");
  // A second get finds the link in its place.
  Get("a", "target");
  EXPECT_FALSE(tree_.Exists("outside/f"));
}

TEST_F(PutGetTest, LinkInTheTargetIsNotFollowed) {
  tree_.MakeFolder("outside");
  tree_.MakeFolder("target");
  tree_.MakeLink("target/sub", tree_.Path("outside"));
  server_.AddVersion(Entry("a", wire::v1::FOLDER));
  server_.AddVersion(Entry("a/sub", wire::v1::FOLDER));
  server_.AddFile("a/sub/f", "evil");
  server_.AddFile("a/g", "good");
  const Outcome get = Get("a", "target");
  EXPECT_GE(get.summary.failed, 1u);
  EXPECT_FALSE(tree_.Exists("outside/f"));
  EXPECT_EQ(tree_.Read("target/g"), "good");
}

TEST_F(PutGetTest, CancelledPutEndsSoon) {
  FakeServer::Script script;
  script.on_frame = [](FrameType type, int) {
    return type == FrameType::kPutCommit ? FakeServer::Action::kIgnore : FakeServer::Action::kServe;
  };
  server_.SetScript(script);
  tree_.Write("f", Noise(3'000'000, 15));
  ClientOptions options = Options();
  options.silence_timeout = absl::Seconds(60);
  Client client(options);
  std::thread cancel([&] {
    while (server_.FramesSeen(FrameType::kPutCommit) == 0) absl::SleepFor(absl::Milliseconds(5));
    client.Cancel();
  });
  const PutJob job = {tree_.Path("f"), "f"};
  const Outcome put = client.Put({&job, 1});
  cancel.join();
  EXPECT_EQ(put.status.code(), absl::StatusCode::kCancelled);
}

TEST_F(PutGetTest, NamesAreMovedListedAndDeleted) {
  server_.AddFile("a/f", "1");
  server_.AddFile("a/f", "2");
  server_.AddVersion(Entry("a", wire::v1::FOLDER));
  Client client(Options());
  std::vector<std::string> seen;
  const auto collect = [&](const wire::v1::Version& version) {
    seen.push_back(version.path() + "@" + std::to_string(version.number()));
    return absl::OkStatus();
  };
  ASSERT_TRUE(client.List("a", true, collect).ok());
  ASSERT_TRUE(client.History("a/f", collect).ok());
  EXPECT_THAT(seen, ElementsAre("a/f@2", "a/f@1", "a/f@2"));
  EXPECT_TRUE(client.Move("a/f", "a/g").ok());
  EXPECT_EQ(client.Stat("a/f").status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(client.Delete("a/g", false).ok());
  EXPECT_EQ(client.Stat("a/g").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(client.Stat("../x").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(client.Status()->software(), "fake");
  EXPECT_EQ(server_.ConnectionsSeen(), 1) << "a connection is used again";
}

}  // namespace
}  // namespace dray
