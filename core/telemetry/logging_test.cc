#include "core/telemetry/logging.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace dray {
namespace {

namespace fs = std::filesystem;

class LoggingTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        absl::StrCat(testing::TempDir(), "/logging_test_",
                     testing::UnitTest::GetInstance()->current_test_info()->name(), "_", getpid());
    options_.folder = folder_ + "/deep/logs";
    options_.console = false;
  }
  void TearDown() override {
    spdlog::shutdown();
    fs::remove_all(folder_);
  }

  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(options_.folder)) files.push_back(entry);
    std::sort(files.begin(), files.end());
    return files;
  }

  static std::string Contents(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  static std::vector<std::string> Lines(const fs::path& file) {
    std::vector<std::string> lines = absl::StrSplit(Contents(file), '\n');
    EXPECT_EQ(lines.back(), "");
    lines.pop_back();
    return lines;
  }

  std::string folder_;
  LogOptions options_;
};

TEST_F(LoggingTest, WritesTheFileInTheFormat) {
  ASSERT_TRUE(StartLogging(options_).ok());
  std::thread thread([] {
    NameThread("a-name-that-is-too-long");
    spdlog::info("from {}", "a thread");
  });
  thread.join();
  spdlog::debug("not at this level");
  spdlog::warn("two\nlines");
  const auto files = Files();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(
      std::regex_match(files[0].filename().string(), std::regex(R"(server_\d{8}_\d{6}\.log)")))
      << files[0];
  const auto lines = Lines(files[0]);
  ASSERT_EQ(lines.size(), 2u);
  const std::string time = R"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})";
  EXPECT_TRUE(
      std::regex_match(lines[0], std::regex(time + " - a-name-that-is- - INFO - from a thread")))
      << lines[0];
  EXPECT_TRUE(std::regex_match(lines[1], std::regex(time + R"( - \S+ - WARNING - two\\x0alines)")))
      << lines[1];
}

TEST_F(LoggingTest, WritesJson) {
  options_.json = true;
  options_.role = "client";
  ASSERT_TRUE(StartLogging(options_).ok());
  spdlog::error("say \"{}\"", "hi");
  const auto files = Files();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].filename().string().rfind("client_", 0), 0u);
  const auto lines = Lines(files[0]);
  ASSERT_EQ(lines.size(), 1u);
  const auto object = nlohmann::json::parse(lines[0], nullptr, /*allow_exceptions=*/false);
  EXPECT_EQ(object.value("message", ""), "say \"hi\"");
  EXPECT_EQ(object.value("level", ""), "ERROR");
}

TEST_F(LoggingTest, EachStartHasAFileOfItsOwn) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(StartLogging(options_).ok());
  EXPECT_EQ(Files().size(), 3u);
}

TEST_F(LoggingTest, WritesToStandardErrorAsWell) {
  options_.console = true;
  testing::internal::CaptureStderr();
  ASSERT_TRUE(StartLogging(options_).ok());
  spdlog::warn("both");
  const std::string console = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(console.ends_with(" - WARNING - both\n")) << console;
  EXPECT_EQ(Contents(Files().at(0)), console);
}

TEST_F(LoggingTest, InfoIsFlushedWithinSeconds) {
  ASSERT_TRUE(StartLogging(options_).ok());
  spdlog::info("soon");
  const auto file = Files().at(0);
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (Contents(file).empty() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(Lines(file).size(), 1u);
}

TEST_F(LoggingTest, RefusesAnUnknownLevel) {
  options_.level = "loud";
  const absl::Status status = StartLogging(options_);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("\"loud\""), absl::string_view::npos) << status;
  EXPECT_FALSE(fs::exists(options_.folder));
}

TEST_F(LoggingTest, NamesAFolderThatCannotBeWritten) {
  fs::create_directories(folder_);
  std::ofstream(folder_ + "/deep") << "a file where the folder should be";
  const absl::Status status = StartLogging(options_);
  EXPECT_FALSE(status.ok());
  EXPECT_NE(status.message().find(options_.folder), absl::string_view::npos) << status;
}

TEST_F(LoggingTest, ThreadsDoNotMixTheirLines) {
  ASSERT_TRUE(StartLogging(options_).ok());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      NameThread(absl::StrCat("worker-", t));
      for (int i = 0; i < 250; ++i) spdlog::info("{}", std::string(200, 'a'));
    });
  }
  for (auto& thread : threads) thread.join();
  spdlog::default_logger()->flush();
  const auto lines = Lines(Files().at(0));
  EXPECT_EQ(lines.size(), 1000u);
  for (const std::string& line : lines) {
    ASSERT_TRUE(line.ends_with(" - INFO - " + std::string(200, 'a'))) << line;
  }
}

// Signals are left to the thread that waits for them.
TEST_F(LoggingTest, LeavesTheCallersSignalMask) {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  ASSERT_TRUE(StartLogging(options_).ok());
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

}  // namespace
}  // namespace dray
