// Hundreds of clients of all dialects at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/classic_clients.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::IsEmpty;

constexpr int kClassicClients = 200;  // of each dialect
constexpr int kNativeClients = 30;
// For a client that waits for its turn among all others on a machine with few cores.
constexpr absl::Duration kPatience = absl::Minutes(3);

std::string FileOf(int number) {
  return RandomText(static_cast<uint64_t>(5'000 + 977 * number), static_cast<uint64_t>(number));
}

class Crowd {
 public:
  void Start(std::function<std::string()> client) {
    threads_.emplace_back([this, client = std::move(client)] {
      const std::string problem = client();
      absl::MutexLock lock(&mu_);
      if (!problem.empty()) problems_.push_back(problem);
    });
  }
  std::vector<std::string> Join() {
    for (std::thread& thread : threads_) thread.join();
    absl::MutexLock lock(&mu_);
    return problems_;
  }

 private:
  std::vector<std::thread> threads_;
  absl::Mutex mu_;
  std::vector<std::string> problems_;
};

std::string RunSmart(const std::string& server, int number) {
  const std::string name = absl::StrCat("smart", number);
  std::string text = FileOf(number);
  SmartClient client(server, kPatience);
  std::string answer = client.Upload(name, text);
  if (!answer.empty()) return absl::StrCat(name, " upload: ", answer);
  text[text.size() / 2]++;
  const auto delta = client.UploadDelta(name, text);
  if (delta.answer != "INTEGRITY_OK" || delta.missing.size() != 1) {
    return absl::StrCat(name, " delta: ", delta.answer);
  }
  std::string back;
  answer = client.Download(name, &back, 0, number % 2 == 0);
  if (!answer.empty()) return absl::StrCat(name, " download: ", answer);
  return back == text ? "" : absl::StrCat(name, " has other bytes");
}

std::string RunRobust(const std::string& server, int number) {
  const std::string name = absl::StrCat("common/", number % 20);
  const RobustAnswer answer = RobustGet(server, name, kPatience);
  if (!answer.whole()) return absl::StrCat(name, ": ", answer.error);
  return answer.data == FileOf(number % 20) ? "" : absl::StrCat(name, " has other bytes");
}

TEST(ClassicCrowdTest, TwoHundredOfEachDialectAmongNativeOnes) {
  // The clients' threads are far more than the cores: each waits longer for its turn than clients
  // in the field do, whose machines are their own.
  Stack stack({.transfer_flags = {"--answer-pause", "1s"}});
  stack.Start();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  MakeFolder(stack.Path("common"));
  for (int i = 0; i < 20; ++i) {
    WriteFile(stack.Path(absl::StrCat("common/", i)), FileOf(i));
  }
  ASSERT_EQ(stack.Dray({"put", stack.Path("common"), ":/common"}).status, 0);
  const std::string server = stack.server();
  Crowd crowd;
  for (int i = 0; i < kClassicClients; ++i) {
    crowd.Start([&server, i] { return RunSmart(server, i); });
    crowd.Start([&server, i] { return RunRobust(server, i); });
  }
  for (int i = 0; i < kNativeClients; ++i) {
    crowd.Start([&stack, i] {
      const std::string back = stack.Path(absl::StrCat("back", i));
      const CommandResult get = stack.Dray({"get", ":/common", back});
      if (get.status != 0) return get.err;
      const auto differences = Differences(stack.Path("common"), back);
      return differences.empty() ? std::string() : differences.front();
    });
  }
  EXPECT_THAT(crowd.Join(), IsEmpty());
  SmartClient client(server);
  std::string names = client.Ask("LIST\n");
  const auto listed = [&names] { return 1 + std::count(names.begin(), names.end(), '\n'); };
  while (listed() < kClassicClients || names.back() == '\n') {
    const std::string more = client.socket().Recv(1 << 16);
    ASSERT_NE(more, "") << listed() << " names";
    names += more;
  }
  EXPECT_EQ(listed(), kClassicClients);
}

}  // namespace
}  // namespace dray::testing
