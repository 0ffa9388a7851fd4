// The classic dialects on a whole server in this process, with a delta in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "absl/time/clock.h"
#include "core/base/random.h"
#include "services/transfer/testing/test_server.h"
#include "tests/support/classic_clients.h"

namespace dray::transfer {
namespace {

using ::dray::testing::RobustAnswer;
using ::dray::testing::RobustGet;
using ::dray::testing::SmartClient;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string Content(size_t random_bytes, size_t plain_bytes) {
  return RandomBytes(random_bytes) + std::string(plain_bytes, 'p');
}

TEST(ClassicDialectsTest, WhatSmartUploadsAllDownload) {
  TestServer server;
  const std::string content = Content(5'000'000, 3'000'000);
  SmartClient client(server.address());
  EXPECT_EQ(client.Upload("file", content), "");
  EXPECT_EQ(client.List(), "file");
  std::string data;
  EXPECT_EQ(client.Download("file", &data), "");
  EXPECT_TRUE(data == content);
  EXPECT_EQ(client.Download("file", &data, 0, true), "");
  EXPECT_TRUE(data == content);
  const RobustAnswer answer = RobustGet(server.address(), "file");
  EXPECT_TRUE(answer.whole()) << answer.error;
  EXPECT_TRUE(answer.data == content);
  // The same once more is known, and moves nothing into the store.
  const size_t chunks = server.delta().chunk_count();
  EXPECT_EQ(client.Upload("copy", content), "");
  EXPECT_EQ(client.Download("copy", &data), "");
  EXPECT_TRUE(data == content);
  EXPECT_EQ(server.delta().chunk_count(), chunks);
}

// Chunks of the longest kind: more of them than may wait for their leaf to be whole.
TEST(ClassicDialectsTest, ALeafLongerThanWhatMayWait) {
  TestServer server;
  std::string content(40 << 20, '\0');
  for (size_t at = 0; at < content.size(); at += 64 << 10)
    content[at] = static_cast<char>(at >> 16);
  SmartClient client(server.address());
  EXPECT_EQ(client.Upload("file", content), "");
  std::string data;
  EXPECT_EQ(client.Download("file", &data), "");
  EXPECT_TRUE(data == content);
}

uint64_t BytesBelow(const std::string& folder) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

// Nothing ends the leaves of such a file before they have as many chunks as they may.
TEST(ClassicDialectsTest, AFileThatRepeatsItselfIsStoredOnce) {
  TestServer server;
  std::mt19937_64 random(1);
  std::string period(1 << 20, '\0');
  for (char& byte : period) byte = static_cast<char>(random());
  std::string content;
  for (int i = 0; i < 40; ++i) content += period;
  SmartClient client(server.address());
  EXPECT_EQ(client.Upload("file", content), "");
  std::string data;
  EXPECT_EQ(client.Download("file", &data), "");
  EXPECT_TRUE(data == content);
  EXPECT_LT(BytesBelow(server.data()), 3 * period.size());
}

TEST(ClassicDialectsTest, AClientThatVanishesLeavesNothing) {
  TestServer server;
  {
    SmartClient client(server.address());
    ASSERT_EQ(client.Ask("UPLOAD file"), "OK");
    ASSERT_EQ(client.Ask("5000000"), "OK");
    client.socket().Send(Content(4'000'000, 0));
    client.socket().Reset();
  }
  SmartClient client(server.address());
  EXPECT_EQ(client.List(), "No files found");
  EXPECT_EQ(server.delta().version_count("file"), 0u);
}

TEST(ClassicDialectsTest, AFullServerSaysSo) {
  TestServer server([](Server::Options* options) { options->max_connections = 1; });
  SmartClient first(server.address());
  ASSERT_EQ(first.List(), "No files found");
  EXPECT_THAT(SmartClient(server.address()).List(), StartsWith("ERROR_RESOURCE_EXHAUSTED: "));
  EXPECT_THAT(RobustGet(server.address(), "file").error, HasSubstr("connections already"));
  EXPECT_EQ(first.List(), "No files found");
}

TEST(ClassicDialectsTest, AnMd5ThatIsNotThereIsPrepared) {
  TestServer server([](Server::Options* options) {
    options->robust.md5_patience = std::chrono::milliseconds(1);
  });
  const std::string content = Content(200 << 20, 0);
  SmartClient client(server.address());
  ASSERT_EQ(client.Upload("file", content), "");
  ASSERT_EQ(client.List(), "file");
  const RobustAnswer answer = RobustGet(server.address(), "file");
  EXPECT_THAT(answer.error, HasSubstr("file is being prepared, try again in "));
}

TEST(ClassicDialectsTest, ASilentClientIsGivenUp) {
  TestServer server([](Server::Options* options) {
    options->smart.idle_timeout = options->smart.data_timeout = std::chrono::milliseconds(300);
    options->robust.request_timeout = std::chrono::milliseconds(300);
  });
  SmartClient idle(server.address());
  EXPECT_EQ(idle.List(), "No files found");
  EXPECT_EQ(idle.socket().Recv(10), "");
  SmartClient uploading(server.address());
  EXPECT_EQ(uploading.Ask("UPLOAD file"), "OK");
  EXPECT_EQ(uploading.Ask("10"), "OK");
  EXPECT_EQ(uploading.socket().Recv(10), "");
  testing::BareSocket asking(server.address());
  ASSERT_TRUE(asking.Send(std::string("\0\0\0\x10half", 8)));
  EXPECT_EQ(asking.Recv(5), "ERROR");
}

// Waits for the only place there is.
bool AnotherIsServed(const TestServer& server) {
  const absl::Time deadline = absl::Now() + absl::Seconds(60);
  while (absl::Now() < deadline) {
    if (SmartClient(server.address()).List() == "file") return true;
    absl::SleepFor(absl::Milliseconds(50));
  }
  return false;
}

TEST(ClassicDialectsTest, AClientThatTakesNothingIsGivenUp) {
  TestServer server([](Server::Options* options) {
    options->max_connections = 1;
    options->smart.stream.write_timeout = std::chrono::milliseconds(300);
    options->robust.stream.write_timeout = std::chrono::milliseconds(300);
  });
  const std::string content = Content(1'000'000, 63 << 20);
  SmartClient downloading(server.address());
  ASSERT_EQ(downloading.Upload("file", content), "");
  EXPECT_EQ(downloading.Ask("DOWNLOAD file"), std::to_string(content.size()));
  downloading.socket().Send("OK");
  EXPECT_TRUE(AnotherIsServed(server));
  std::unique_ptr<testing::BareSocket> asking;
  do {  // the place of who has just asked may not be free yet
    asking = std::make_unique<testing::BareSocket>(server.address());
    ASSERT_TRUE(asking->Send(testing::RobustRequest("file")));
  } while (asking->Recv(5) == "ERROR");
  EXPECT_TRUE(AnotherIsServed(server));
  EXPECT_LT(asking->RecvAll().size(), content.size());
}

}  // namespace
}  // namespace dray::transfer
