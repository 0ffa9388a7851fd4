// The smart dialect, with a client that reads as the old one does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/classic_clients.h"
#include "tests/support/files.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr size_t kBlock = 4096;

class SmartTest : public ::testing::Test {
 protected:
  explicit SmartTest(std::vector<std::string> flags = {}) {
    WriteFile(stack_.Path("password"), "sesame\n", 0600);
    flags.insert(flags.end(),
                 {"--listen", "[::1]:0", "--admin-password-file", stack_.Path("password")});
    stack_.transfer().AddFlags(flags);
  }
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  std::string Download(const std::string& name, uint64_t offset = 0, bool compress = false) {
    SmartClient client(stack_.server());
    std::string data;
    const std::string answer = client.Download(name, &data, offset, compress);
    return answer.empty() ? data : answer;
  }
  // Puts a file and waits until it is there.
  void Upload(const std::string& name, const std::string& data) {
    SmartClient client(stack_.server());
    ASSERT_EQ(client.Upload(name, data), "");
    std::string back;
    ASSERT_EQ(client.Download(name, &back), "");
    ASSERT_TRUE(back == data);
  }
  SmartClient::Delta UploadDelta(const std::string& name, const std::string& data) {
    return SmartClient(stack_.server()).UploadDelta(name, data);
  }
  std::string NativeGet(const std::string& name) {
    const std::string back = stack_.Target("back");
    const CommandResult get = stack_.Dray({"get", ":/" + name, back});
    return get.status == 0 ? ReadFile(back) : get.err;
  }
  double Metric(const std::string& name) { return stack_.Metric(name, "\"smart\""); }

  Stack stack_;
};

TEST_F(SmartTest, OneSessionWithEveryVerb) {
  SmartClient client(stack_.server());
  EXPECT_EQ(client.List(), "No files found");
  const std::string text = RandomText(3'000'000, 1);
  // The next command follows the data at once.
  EXPECT_EQ(client.Upload("file.bin", text), "");
  EXPECT_EQ(client.List(), "file.bin");
  EXPECT_EQ(client.Upload("empty", ""), "");
  EXPECT_EQ(client.List(), "empty\nfile.bin");
  std::string data;
  EXPECT_EQ(client.Download("file.bin", &data), "");
  EXPECT_TRUE(data == text);
  EXPECT_EQ(client.Download("file.bin", &data, 1'000'001), "");
  EXPECT_TRUE(data == text.substr(1'000'001));
  EXPECT_EQ(client.Download("file.bin", &data, 5'000'000), "");
  EXPECT_EQ(data, "");
  EXPECT_EQ(client.Download("empty", &data), "");
  EXPECT_EQ(client.Download("nothing", &data), "NOT_FOUND");
  EXPECT_EQ(client.UploadDelta("nothing", text).answer, "FULL_UPLOAD_REQUIRED");
  EXPECT_EQ(client.UploadDelta("file.bin", text).answer, "INTEGRITY_OK");
  EXPECT_EQ(client.Delete("file.bin", "wrong"), "ERROR_AUTH_FAILED");
  EXPECT_EQ(client.Delete("nothing", "sesame"), "ERROR_NOT_FOUND");
  EXPECT_EQ(client.Ask("DELETE file.bin"), "ERROR_Usage: DELETE filename password");
  EXPECT_EQ(client.Delete("file.bin", "sesame"), "OK");
  EXPECT_EQ(client.List(), "empty");
  EXPECT_EQ(client.Ask("EXIT"), "");
  // Never a password in the log.
  EXPECT_THAT(stack_.transfer().Output(), Not(HasSubstr("sesame")));
}

TEST_F(SmartTest, CompressedDownloads) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) absl::StrAppend(&text, "line ", i, "\n");
  text += RandomText(500'000, 2);
  Upload("text", text);
  SmartClient client(stack_.server());
  std::string data;
  EXPECT_EQ(client.Download("text", &data, 0, true), "");
  EXPECT_TRUE(data == text);
  EXPECT_EQ(client.Download("text", &data, 12'345, true), "");
  EXPECT_TRUE(data == text.substr(12'345));
  EXPECT_EQ(client.Download("text", &data, text.size(), true), "");
  EXPECT_EQ(data, "");
  EXPECT_EQ(client.Download("text", &data), "");
}

TEST_F(SmartTest, FilesAreTheSameForAllDialects) {
  const std::string text = RandomText(500'000, 3) + std::string(2'000'000, 'a');
  Upload("smart", text);
  EXPECT_TRUE(NativeGet("smart") == text);
  EXPECT_TRUE(RobustGet(stack_.server(), "smart").data == text);
  WriteFile(stack_.Path("native"), text + "native", 0600);
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("native"), ":/native"}).status, 0);
  EXPECT_TRUE(Download("native") == text + "native");
  // A new version by smart; versions and modes are those of every dialect.
  Upload("native", text + "smart");
  EXPECT_TRUE(NativeGet("native") == text + "smart");
  const CommandResult log = stack_.Dray({"log", ":/native", "--json"});
  EXPECT_THAT(log.Objects(), SizeIs(2));
  for (const auto& version : log.Objects())
    EXPECT_EQ(version.dump().find("0644"), std::string::npos);
  EXPECT_THAT(Metric("dray_bytes_received_total"), ::testing::Ge(0));
  EXPECT_TRUE(Eventually(absl::Seconds(20), [&] {
    return Metric("dray_bytes_received_total") > 4e6 && Metric("dray_connections_total") >= 3;
  }));
}

TEST_F(SmartTest, NamesThatItCannotSpeakOfAreNotListedAndRefused) {
  WriteFile(stack_.Path("x"), "x");
  for (const std::string& name :
       {std::string("folder/x"), std::string("with blank"), std::string("a..b"),
        std::string("\\xFF"), std::string("plain")}) {
    ASSERT_EQ(stack_.Dray({"put", stack_.Path("x"), ":/" + name}).status, 0) << name;
  }
  SmartClient client(stack_.server());
  EXPECT_EQ(client.List(), "plain");
  for (const std::string& name :
       {std::string("folder/x"), std::string("/plain"), std::string("../plain"),
        std::string("a..b"), std::string("\xFF")}) {
    for (const char* verb : {"UPLOAD ", "DOWNLOAD ", "UPLOAD_DELTA "}) {
      EXPECT_EQ(client.Ask(verb + name), "ERROR_INVALID_FILENAME") << verb << name;
    }
    EXPECT_EQ(client.Ask("DELETE " + name + " sesame"), "ERROR_INVALID_FILENAME") << name;
  }
  EXPECT_EQ(client.Ask("UPLOAD folder"), "ERROR_IS_A_FOLDER");
  EXPECT_EQ(client.Ask("DOWNLOAD folder"), "NOT_FOUND");
  EXPECT_EQ(client.Delete("folder", "sesame"), "ERROR_NOT_FOUND");
  EXPECT_THAT(stack_.transfer().Output(), HasSubstr("ERROR_INVALID_FILENAME"));
  EXPECT_EQ(client.List(), "plain");
}

// More names than are sent at once.
TEST_F(SmartTest, ListsManyNames) {
  std::vector<std::string> put = {"put"};
  std::string names;
  for (int i = 0; i < 700; ++i) {
    const std::string name = absl::StrCat(1000 + i, std::string(140, 'n'));
    put.push_back(stack_.Path(name));
    WriteFile(put.back(), name);
    absl::StrAppend(&names, i > 0 ? "\n" : "", name);
  }
  put.push_back(":/");
  ASSERT_EQ(stack_.Dray(put).status, 0);
  SmartClient client(stack_.server());
  client.socket().Send("LIST");
  EXPECT_TRUE(client.socket().RecvExactly(names.size()) == names);
  EXPECT_EQ(client.Ask("DOWNLOAD x"), "NOT_FOUND");
}

TEST_F(SmartTest, WhatIsWrongIsAnsweredAndNothingIsStored) {
  Upload("file", "contents");
  SmartClient client(stack_.server());
  EXPECT_EQ(client.Ask("LISTS"), "ERROR_UNKNOWN_COMMAND");
  EXPECT_EQ(client.Ask("UPLOAD"), "ERROR_Usage: UPLOAD filename");
  for (const char* size : {"many", "-1", "1.5", "99999999999999999999"}) {
    EXPECT_EQ(client.Ask("UPLOAD new"), "OK");
    EXPECT_EQ(client.Ask(size), "ERROR_INVALID_SIZE") << size;
  }
  EXPECT_EQ(client.Ask("DOWNLOAD file OFFSET=x"), "ERROR_INVALID_OFFSET");
  EXPECT_EQ(client.Ask("UPLOAD_DELTA file"), "ACK");
  EXPECT_EQ(client.Ask("nonsense  "), "ERROR_INVALID_SIZE");
  EXPECT_EQ(client.Ask("UPLOAD_DELTA file"), "ACK");
  EXPECT_EQ(client.Ask("9999999999"), "ERROR_TOO_LARGE: upload the file whole");
  for (const std::string& list :
       {std::string("{}"), std::string("[1, 2]"), std::string("\xFF\xFE{"),
        BlockListOf("contents", "00"), BlockListOf("contents").substr(3)}) {
    EXPECT_EQ(client.Ask("UPLOAD_DELTA file"), "ACK");
    std::string length = absl::StrCat(list.size());
    length.resize(10, ' ');
    EXPECT_EQ(client.Ask(length), "OK");
    EXPECT_EQ(client.Ask(list), "ERROR_INVALID_LIST") << list;
  }
  // A first command that is none is not of this dialect at all.
  EXPECT_EQ(SmartClient(stack_.server()).Ask("NONSENSE file"), "");
  SmartClient endless(stack_.server());
  EXPECT_EQ(endless.Ask("UPLOAD " + std::string(100'000, 'n')), "ERROR_UNKNOWN_COMMAND");
  EXPECT_EQ(client.List(), "file");
  EXPECT_EQ(Download("file"), "contents");
}

// Whether one line of the log warns that what a client on loopback `asked` was `answered` so.
bool IsWarnedOf(const std::string& log, const std::string& asked, const std::string& answered) {
  for (const absl::string_view line : absl::StrSplit(log, '\n')) {
    if (absl::StrContains(line, " - WARNING - ") && absl::StrContains(line, "from 127.0.0.1:") &&
        absl::StrContains(line, absl::StrCat(": ", asked)) &&
        absl::EndsWith(line, absl::StrCat("; answered ", answered))) {
      return true;
    }
  }
  return false;
}

// Whoever looks after the server sees which command of which client was refused, and with what.
TEST_F(SmartTest, EveryRefusalIsLogged) {
  Upload("file", "contents");
  WriteFile(stack_.Path("x"), "x");
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("x"), ":/folder/x"}).status, 0);
  SmartClient client(stack_.server());
  const std::string no_list = "2         ";
  const struct {
    std::vector<std::string> asked;  // all but the last are agreed to
    std::string logged;
    std::string answer;
  } cases[] = {
      {{"LISTS"}, "unknown command", "ERROR_UNKNOWN_COMMAND"},
      {{"UPLOAD"}, "UPLOAD", "ERROR_Usage: UPLOAD filename"},
      {{"UPLOAD a/b"}, "UPLOAD", "ERROR_INVALID_FILENAME"},
      {{"UPLOAD folder"}, "UPLOAD folder", "ERROR_IS_A_FOLDER"},
      {{"UPLOAD new", "many"}, "UPLOAD new", "ERROR_INVALID_SIZE"},
      {{"DOWNLOAD"}, "DOWNLOAD", "ERROR_Usage: DOWNLOAD filename [OFFSET=n] [COMPRESS]"},
      {{"DOWNLOAD ../file"}, "DOWNLOAD", "ERROR_INVALID_FILENAME"},
      {{"DOWNLOAD file OFFSET=x"}, "DOWNLOAD file", "ERROR_INVALID_OFFSET"},
      {{"DOWNLOAD nothing"}, "DOWNLOAD nothing", "NOT_FOUND"},
      {{"UPLOAD_DELTA"}, "UPLOAD_DELTA", "ERROR_Usage: UPLOAD_DELTA filename"},
      {{"UPLOAD_DELTA /file"}, "UPLOAD_DELTA", "ERROR_INVALID_FILENAME"},
      {{"UPLOAD_DELTA folder"}, "UPLOAD_DELTA folder", "ERROR_IS_A_FOLDER"},
      {{"UPLOAD_DELTA file", "nonsense  "}, "UPLOAD_DELTA file", "ERROR_INVALID_SIZE"},
      {{"UPLOAD_DELTA file", "9999999999"},
       "UPLOAD_DELTA file",
       "ERROR_TOO_LARGE: upload the file whole"},
      {{"UPLOAD_DELTA file", no_list, "{}"}, "UPLOAD_DELTA file", "ERROR_INVALID_LIST"},
      {{"DELETE file"}, "DELETE", "ERROR_Usage: DELETE filename password"},
      {{"DELETE file mellon"}, "DELETE file", "ERROR_AUTH_FAILED"},
      {{"DELETE .. sesame"}, "DELETE", "ERROR_INVALID_FILENAME"},
      {{"DELETE nothing sesame"}, "DELETE nothing", "ERROR_NOT_FOUND"},
  };
  for (const auto& [asked, logged, answer] : cases) {
    const size_t before = stack_.transfer().Output().size();
    for (size_t i = 0; i + 1 < asked.size(); ++i) {
      EXPECT_THAT(client.Ask(asked[i]), AnyOf("OK", "ACK")) << asked[i];
    }
    EXPECT_EQ(client.Ask(asked.back()), answer) << asked[0];
    EXPECT_TRUE(Eventually(
        absl::Seconds(10),
        [&] { return IsWarnedOf(stack_.transfer().Output().substr(before), logged, answer); }))
        << asked[0] << ": " << stack_.transfer().Output().substr(before);
  }
  EXPECT_THAT(stack_.transfer().Output(), Not(AnyOf(HasSubstr("sesame"), HasSubstr("mellon"))));
  EXPECT_EQ(client.List(), "file");
}

// ---- UPLOAD_DELTA ----

TEST_F(SmartTest, OneChangedBlockOfTenMegabytesMovesThatBlock) {
  std::string text = RandomText(10 << 20, 4);
  Upload("file", text);
  text[5'000'000] = static_cast<char>(text[5'000'000] + 1);
  const auto delta = UploadDelta("file", text);
  EXPECT_EQ(delta.answer, "INTEGRITY_OK");
  EXPECT_THAT(delta.missing, ElementsAre(5'000'000 / kBlock));
  EXPECT_EQ(delta.data_bytes, kBlock);
  EXPECT_TRUE(Download("file") == text);
  EXPECT_TRUE(RobustGet(stack_.server(), "file").data == text);
  // The same again: nothing moves, and there is no new version.
  const auto same = UploadDelta("file", text);
  EXPECT_EQ(same.answer, "INTEGRITY_OK");
  EXPECT_THAT(same.missing, IsEmpty());
  EXPECT_THAT(stack_.Dray({"log", ":/file", "--json"}).Objects(), SizeIs(2));
}

TEST_F(SmartTest, GrowingShrinkingAndEmptyFiles) {
  const std::string text = RandomText(40 * kBlock + 100, 5);
  Upload("file", text);
  const std::string versions[] = {
      text + RandomText(3 * kBlock, 6),  // grown, within and behind the last block
      text.substr(0, 10 * kBlock),       // cut at a block
      text.substr(0, 7 * kBlock + 17),   // and within one
      text.substr(0, 7 * kBlock),
      "",
      "x",
      text,
      text.substr(kBlock),  // every block is another
      RandomText(20 * kBlock, 7),
  };
  for (const std::string& version : versions) {
    const auto delta = UploadDelta("file", version);
    EXPECT_EQ(delta.answer, "INTEGRITY_OK");
    EXPECT_TRUE(Download("file") == version) << version.size();
  }
  Upload("file", text);
  const auto first_and_last = [&] {
    std::string changed = text;
    changed.front() = static_cast<char>(changed.front() + 1);
    changed.back() = static_cast<char>(changed.back() + 1);
    return changed;
  }();
  EXPECT_THAT(UploadDelta("file", first_and_last).missing, ElementsAre(0, 40));
  EXPECT_TRUE(Download("file") == first_and_last);
}

TEST_F(SmartTest, AFailedCheckLeavesTheFileAsItWas) {
  const std::string text = RandomText(20 * kBlock, 8);
  Upload("file", text);
  std::string changed = text;
  changed[3 * kBlock] = static_cast<char>(changed[3 * kBlock] + 1);
  const std::string wrong(64, 'a');
  SmartClient client(stack_.server());
  EXPECT_EQ(client.UploadDelta("file", changed, wrong).answer, "INTEGRITY_FAIL");
  EXPECT_EQ(client.UploadDelta("file", text, wrong).answer, "INTEGRITY_FAIL");
  std::string data;
  EXPECT_EQ(client.Download("file", &data), "");
  EXPECT_TRUE(data == text);
  EXPECT_THAT(stack_.Dray({"log", ":/file", "--json"}).Objects(), SizeIs(1));
  EXPECT_EQ(client.UploadDelta("file", changed).answer, "INTEGRITY_OK");
  EXPECT_TRUE(Download("file") == changed);
}

// The head of a block, and as much as it says.
std::string BlockOf(uint32_t index, uint32_t length, size_t bytes) {
  std::string block;
  for (const uint32_t number : {index, length}) {
    for (int shift = 24; shift >= 0; shift -= 8)
      block.push_back(static_cast<char>(number >> shift));
  }
  return block + std::string(bytes, 'b');
}

TEST_F(SmartTest, BlocksThatWereNotAskedForAreNotTaken) {
  const std::string text = RandomText(4 * kBlock, 13);
  Upload("file", text);
  std::string changed = text;
  changed[kBlock]++;
  const std::string list = BlockListOf(changed);
  const auto offer = [&](SmartClient& client) {
    EXPECT_EQ(client.Ask("UPLOAD_DELTA file"), "ACK");
    std::string length = absl::StrCat(list.size());
    length.resize(10, ' ');
    EXPECT_EQ(client.Ask(length), "OK");
    client.socket().Send(list);
    const std::string answer = client.socket().RecvExactly(10);
    EXPECT_EQ(client.socket().RecvExactly(std::strtoul(answer.c_str(), nullptr, 10)),
              "{\"missing\": [1]}");
  };
  SmartClient client(stack_.server());
  for (const std::string& block :
       {BlockOf(2, kBlock, kBlock), BlockOf(1'000'000, kBlock, kBlock), BlockOf(1, 17, 17),
        BlockOf(1, 0, 0), BlockOf(1, kBlock, kBlock)}) {
    offer(client);
    EXPECT_EQ(client.Ask(block), "ACK");
    EXPECT_EQ(client.socket().Recv(1024), "INTEGRITY_FAIL");
  }
  // Longer than any block: where the next one begins nobody knows.
  offer(client);
  EXPECT_EQ(client.Ask(BlockOf(1, 0xFFFFFFFF, 0)), "INTEGRITY_FAIL");
  EXPECT_EQ(client.socket().Recv(1024), "");
  EXPECT_THAT(stack_.transfer().Output(), HasSubstr("block 2 came"));
  EXPECT_THAT(stack_.transfer().Output(), HasSubstr("a block of 4294967295 bytes"));
  EXPECT_TRUE(Download("file") == text);
  EXPECT_THAT(stack_.Dray({"log", ":/file", "--json"}).Objects(), SizeIs(1));
}

TEST_F(SmartTest, TwoClientsOnOneNameDoNotMix) {
  const std::string text = RandomText(200 * kBlock, 9);
  for (int round = 0; round < 3; ++round) {
    Upload("file", text);
    std::string versions[2] = {text, text};
    for (size_t i = 0; i < 200; i += 2) versions[0][i * kBlock]++;
    for (size_t i = 1; i < 200; i += 2) versions[1][i * kBlock]++;
    std::string answers[2];
    std::thread threads[2];
    for (int i = 0; i < 2; ++i) {
      threads[i] = std::thread([&, i] { answers[i] = UploadDelta("file", versions[i]).answer; });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(answers, ElementsAre("INTEGRITY_OK", "INTEGRITY_OK"));
    const std::string now = Download("file");
    EXPECT_TRUE(now == versions[0] || now == versions[1]) << round;
  }
}

TEST_F(SmartTest, ClientsThatVanishAtAnyStepFreeWhatTheyHeldAndStoreNothing) {
  const std::string text = RandomText(100 * kBlock, 10);
  Upload("file", text);
  std::string changed = text;
  changed[0]++;
  changed[kBlock]++;
  const std::string list = BlockListOf(changed);
  std::string length = absl::StrCat(list.size());
  length.resize(10, ' ');
  for (int step = 0; step < 9; ++step) {
    for (const bool reset : {false, true}) {
      SmartClient client(stack_.server());
      if (step == 0) client.socket().Send("UPL");
      if (step == 1) client.Ask("UPLOAD new");
      if (step == 2) client.Ask("UPLOAD new"), client.Ask("1000000");
      if (step == 3) {
        client.Ask("UPLOAD new");
        client.Ask("1000000");
        client.socket().Send(RandomText(500'000, 11));
      }
      if (step == 4) client.Ask("DOWNLOAD file");
      if (step == 5) client.Ask("DOWNLOAD file"), client.socket().Send("OK");
      if (step >= 6) client.Ask("UPLOAD_DELTA file");
      if (step >= 7) client.Ask(length), client.socket().Send(list.substr(0, 3000));
      if (step == 8) {
        client.socket().Send(list.substr(3000));
        client.socket().RecvExactly(10);
      }
      if (reset) client.socket().Reset();
    }
  }
  EXPECT_TRUE(Eventually(absl::Seconds(30), [&] {
    return Metric("dray_connections_total") >= 17 && Metric("dray_connections_active") == 0 &&
           Metric("dray_transfers_in_progress") == 0;
  }));
  EXPECT_EQ(SmartClient(stack_.server()).List(), "file");
  EXPECT_TRUE(Download("file") == text);
}

TEST_F(SmartTest, ServesIpv6AsTheNativeDialectDoes) {
  const auto addresses = stack_.transfer().Addresses("listen");
  ASSERT_EQ(addresses.size(), 2u);
  SmartClient client(addresses[1]);
  EXPECT_EQ(client.Upload("file", "over IPv6"), "");
  std::string data;
  EXPECT_EQ(client.Download("file", &data), "");
  EXPECT_EQ(data, "over IPv6");
  const std::string back = stack_.Target("back");
  const CommandResult get =
      stack_.Dray({"get", absl::StrCat("dray://", addresses[1], "/file"), back});
  EXPECT_EQ(get.status, 0) << get.err;
  EXPECT_EQ(ReadFile(back), "over IPv6");
}

TEST_F(SmartTest, SaysWhenDeltaIsDown) {
  Upload("file", "x");
  SmartClient client(stack_.server());
  stack_.delta().Kill();
  for (const char* command :
       {"LIST", "UPLOAD new", "DOWNLOAD file", "UPLOAD_DELTA file", "DELETE file sesame"}) {
    EXPECT_THAT(client.Ask(command), HasSubstr("ERROR_UNAVAILABLE: ")) << command;
  }
}

class SlowSmartTest : public SmartTest {
 protected:
  SlowSmartTest() : SmartTest({"--command-quiet", "200ms"}) {}
};

TEST_F(SlowSmartTest, CommandsMayComeOneByteAtATime) {
  SmartClient client(stack_.server());
  client.SetSlow(absl::Milliseconds(5));
  const std::string text = RandomText(5 * kBlock, 12);
  EXPECT_EQ(client.List(), "No files found");
  EXPECT_EQ(client.Upload("file", text), "");
  EXPECT_EQ(client.List(), "file");
  std::string data;
  EXPECT_EQ(client.Download("file", &data, 4), "");
  EXPECT_TRUE(data == text.substr(4));
  std::string changed = text;
  changed[0]++;
  EXPECT_EQ(client.UploadDelta("file", changed).answer, "INTEGRITY_OK");
  EXPECT_EQ(client.Ask("LIST\n"), "file");
  EXPECT_EQ(client.Delete("file", "sesame"), "OK");
  EXPECT_EQ(client.Ask("EXIT"), "");
}

TEST(SmartOffTest, CanBeSwitchedOffAndHasNoPasswordByItself) {
  Stack off({.transfer_flags = {"--dialects", "native,robust"}});
  off.Start();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  EXPECT_EQ(SmartClient(off.server()).List(), "");
  EXPECT_EQ(off.Dray({"status"}).status, 0);
  off.transfer().Stop();
  Stack plain;
  plain.Start();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  SmartClient client(plain.server());
  EXPECT_EQ(client.Upload("file", "x"), "");
  EXPECT_THAT(client.Delete("file", "admin"), "ERROR_AUTH_FAILED");
  EXPECT_EQ(client.List(), "file");
}

}  // namespace
}  // namespace dray::testing
