// Over bad links every transfer ends right, or with a clear error, and goes on where it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/files.h"
#include "tests/support/link.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr uint64_t kFileBytes = 6 << 20;
// How long a test waits for a command; each command has shorter deadlines of its own.
constexpr absl::Duration kPatience = absl::Minutes(4);

class LinksTest : public ::testing::Test {
 protected:
  LinksTest() : stack_({.transfer_flags = {}, .host = Link::server_host()}) {}

  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    WriteRandomFile(stack_.Path("file"), kFileBytes, 21);
  }

  std::unique_ptr<Stack::Running> StartAtClient(const std::vector<std::string>& arguments) {
    return stack_.StartDray(arguments, {.network = link_.client_namespace()});
  }
  CommandResult AtClient(const std::vector<std::string>& arguments) {
    return StartAtClient(arguments)->Finish(kPatience);
  }
  uint64_t StoredBytes() { return FolderBytes(stack_.StoreFolder()); }
  // Puts and gets a file and a folder of small ones, and compares.
  void ExpectRoundTrip() {
    MakeFolder(stack_.Path("folder"));
    for (int i = 0; i < 40; ++i) {
      WriteFile(stack_.Path("folder/" + std::to_string(i)), RandomText(500, 100 + i));
    }
    for (const std::string name : {"file", "folder"}) {
      const CommandResult put = AtClient({"put", stack_.Path(name), ":/" + name});
      ASSERT_EQ(put.status, 0) << put.err << stack_.transfer().Output();
      const CommandResult get = AtClient({"get", ":/" + name, stack_.Target("back-" + name)});
      ASSERT_EQ(get.status, 0) << get.err << stack_.transfer().Output();
      EXPECT_THAT(Differences(stack_.Path(name), stack_.Target("back-" + name)),
                  ::testing::IsEmpty());
    }
  }
  // Starts a put and waits until some of it has arrived.
  std::unique_ptr<Stack::Running> PutUntilHalfIsThere(std::vector<std::string> flags = {}) {
    link_.Set({.latency = absl::Milliseconds(5), .bits_per_second = 20'000'000});
    std::vector<std::string> put = {"put", stack_.Path("file"), ":/file", "--json", "--stats"};
    put.insert(put.end(), flags.begin(), flags.end());
    auto running = StartAtClient(put);
    EXPECT_TRUE(Eventually(kPatience, [&] { return StoredBytes() > kFileBytes / 3; }));
    EXPECT_FALSE(running->process().Poll().has_value()) << "it was too quick to be disturbed";
    return running;
  }
  void ExpectTheFileIsThere() {
    const CommandResult get = AtClient({"get", ":/file", stack_.Target("back")});
    ASSERT_EQ(get.status, 0) << get.err;
    EXPECT_TRUE(SameContents(stack_.Path("file"), stack_.Target("back")));
  }

  Link link_;
  Stack stack_;
};

TEST_F(LinksTest, LongWay) {
  link_.Set({.latency = absl::Milliseconds(150)});
  ExpectRoundTrip();
}

TEST_F(LinksTest, LossAndReordering) {
  link_.Set({.latency = absl::Milliseconds(5), .loss = 0.02, .reordered = 0.05});
  ExpectRoundTrip();
}

TEST_F(LinksTest, OneMegabitPerSecond) {
  WriteRandomFile(stack_.Path("file"), 400'000, 22);
  link_.Set({.latency = absl::Milliseconds(20), .bits_per_second = 1'000'000});
  ExpectRoundTrip();
}

// Text of words that come again, some more often than others.
std::string Prose(size_t bytes, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::string> words(3000);
  for (std::string& word : words) {
    word.resize(3 + random() % 7);
    for (char& letter : word) letter = static_cast<char>('a' + random() % 26);
  }
  std::string text;
  while (text.size() < bytes) {
    const size_t most = 1 + random() % words.size();
    text += words[random() % most] + " ";
  }
  return text;
}

TEST_F(LinksTest, WhatGoesOverASlowLinkIsCompressedMore) {
  WriteFile(stack_.Path("prose"), Prose(kFileBytes, 23));
  const uint64_t fast = BytesMoved(stack_.DrayStats({"put", stack_.Path("prose"), ":/fast"}));
  WriteFile(stack_.Path("prose"), Prose(kFileBytes, 24));
  link_.Set({.latency = absl::Milliseconds(5), .bits_per_second = 5'000'000});
  const CommandResult put = AtClient({"put", stack_.Path("prose"), ":/slow", "--json", "--stats"});
  ASSERT_EQ(put.status, 0) << put.err;
  EXPECT_LT(BytesMoved(put), fast * 95 / 100);
}

// Lines of a log, which zstd's higher levels make shorter by a twelfth than the lowest of a get.
std::string Journal(size_t bytes, uint32_t seed) {
  std::mt19937 random(seed);
  const std::vector<std::string> words = absl::StrSplit(Prose(2'000, 1), ' ');
  std::string text;
  for (uint64_t ms = 0; text.size() < bytes; ms += random() % 50) {
    absl::StrAppend(&text, "2026-11-27 12:", ms / 60'000 % 60, ":", ms / 1'000 % 60, ".",
                    ms % 1'000, " INFO ", words[random() % 40], ":");
    for (int i = 0; i < 4; ++i) {
      const size_t most = 1 + random() % words.size();
      absl::StrAppend(&text, " ", words[random() % most]);
    }
    absl::StrAppend(&text, " ", words[random() % 60], "=", random() % 100'000, "\n");
  }
  return text;
}

// The first text, with each second piece of the other in it.
std::string Mixed(std::string text, const std::string& other) {
  constexpr size_t kPieceBytes = 8 << 10;
  for (size_t at = 0; at + kPieceBytes <= text.size(); at += 2 * kPieceBytes) {
    text.replace(at, kPieceBytes, other, at, kPieceBytes);
  }
  return text;
}

TEST_F(LinksTest, WhatIsNewComesOverASlowLinkCompressedMore) {
  constexpr uint64_t kLongerThanBuffers = 24 << 20;
  const std::string old = Journal(kLongerThanBuffers, 25);
  WriteFile(stack_.Path("log"), old);
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("log"), ":/log"}).status, 0);
  WriteFile(stack_.Path("log"), Mixed(old, Journal(kLongerThanBuffers, 26)));
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("log"), ":/log"}).status, 0);
  WriteFile(stack_.Target("fast"), old);
  WriteFile(stack_.Target("slow"), old);
  const uint64_t fast = BytesMoved(stack_.DrayStats({"get", ":/log", stack_.Target("fast")}));
  link_.Set({.latency = absl::Milliseconds(5), .bits_per_second = 4'000'000});
  const CommandResult get = AtClient({"get", ":/log", stack_.Target("slow"), "--json", "--stats"});
  ASSERT_EQ(get.status, 0) << get.err;
  EXPECT_LT(BytesMoved(get), fast * 97 / 100);
  EXPECT_TRUE(SameContents(stack_.Path("log"), stack_.Target("slow")));
}

TEST_F(LinksTest, AResetPutGoesOn) {
  auto put = PutUntilHalfIsThere();
  link_.Set({.reset = true});
  absl::SleepFor(absl::Milliseconds(500));
  link_.Set({});
  const CommandResult result = put->Finish(kPatience);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_LT(BytesMoved(result), kFileBytes * 3 / 2) << "it began anew";
  ExpectTheFileIsThere();
}

TEST_F(LinksTest, AResetGetGoesOn) {
  ASSERT_EQ(AtClient({"put", stack_.Path("file"), ":/file"}).status, 0);
  link_.Set({.latency = absl::Milliseconds(5), .bits_per_second = 20'000'000});
  MakeFolder(stack_.Path("target"));
  auto get = StartAtClient({"get", ":/file", stack_.Path("target/file"), "--json", "--stats"});
  ASSERT_TRUE(
      Eventually(kPatience, [&] { return FolderBytes(stack_.Path("target")) > kFileBytes / 3; }));
  link_.Set({.reset = true});
  absl::SleepFor(absl::Milliseconds(500));
  link_.Set({});
  const CommandResult result = get->Finish(kPatience);
  ASSERT_EQ(result.status, 0) << result.err;
  EXPECT_LT(BytesMoved(result), kFileBytes * 3 / 2) << "it began anew";
  EXPECT_TRUE(SameContents(stack_.Path("file"), stack_.Path("target/file")));
}

TEST_F(LinksTest, AShortDarknessIsSatOut) {
  auto put = PutUntilHalfIsThere();
  link_.Set({.dark = true});
  absl::SleepFor(absl::Seconds(3));
  link_.Set({});
  const CommandResult result = put->Finish(kPatience);
  ASSERT_EQ(result.status, 0) << result.err;
  ExpectTheFileIsThere();
}

TEST_F(LinksTest, AHalfOpenConnectionIsGivenUpAndTheRestMovesLater) {
  auto put = PutUntilHalfIsThere({"--retries", "1"});
  link_.Set({.dark = true});
  const CommandResult given_up = put->Finish(kPatience);
  EXPECT_EQ(given_up.status, 1) << given_up.err;
  EXPECT_THAT(given_up.err, AnyOf(HasSubstr("s of silence"), HasSubstr("in time"),
                                  HasSubstr("timed out"), HasSubstr("no answer")));
  link_.Set({});
  const CommandResult again = AtClient({"put", stack_.Path("file"), ":/file", "--json", "--stats"});
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_LT(BytesMoved(again), kFileBytes * 3 / 4) << "what had arrived moved again";
  ExpectTheFileIsThere();
}

TEST_F(LinksTest, NobodyThere) {
  link_.Set({.dark = true});
  const CommandResult put = AtClient({"put", stack_.Path("file"), ":/file", "--retries", "0"});
  EXPECT_EQ(put.status, 1);
  EXPECT_THAT(put.err, HasSubstr(Link::server_host()));
}

}  // namespace
}  // namespace dray::testing
