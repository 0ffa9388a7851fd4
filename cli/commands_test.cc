// The command line as a script sees it, against a server in this process.
#include "cli/commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <stdio.h>
#include <stdlib.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "client/testing/fake_server.h"
#include "client/testing/scratch_tree.h"

namespace dray {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A stream that can be read back.
class Memory {
 public:
  Memory() : stream_(::open_memstream(&text_, &size_)) {}
  ~Memory() {
    ::fclose(stream_);
    ::free(text_);
  }
  std::FILE* stream() { return stream_; }
  std::string Text() {
    ::fflush(stream_);
    return {text_, size_};
  }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* stream_;
};

struct Result {
  int status = -1;
  std::string out;
  std::string err;

  std::vector<nlohmann::json> Objects() const {
    std::vector<nlohmann::json> objects;
    for (size_t at = 0; at < out.size();) {
      const size_t end = out.find('\n', at);
      objects.push_back(nlohmann::json::parse(out.substr(at, end - at)));
      at = end + 1;
    }
    return objects;
  }
};

class CommandsTest : public ::testing::Test {
 protected:
  // Like a shell: "dray" and --server are added.
  Result Run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"dray", "--retries", "0"});
    arguments.insert(arguments.end(), {"--server", server_.address().ToString()});
    std::vector<const char*> argv;
    for (const std::string& argument : arguments) argv.push_back(argument.c_str());
    const auto parsed = ParseCommandLine(static_cast<int>(argv.size()), argv.data());
    if (const int* status = std::get_if<int>(&parsed)) return {*status, "", ""};
    const auto& line = std::get<CommandLine>(parsed);
    Memory out, err;
    Console console({.json = line.json,
                     .quiet = line.quiet,
                     .out = out.stream(),
                     .err = err.stream(),
                     .err_is_terminal = false});
    const int status = RunCommand(line, &console, [](Client*) {});
    return {status, out.Text(), err.Text()};
  }

  void SetUp() override { spdlog::set_level(spdlog::level::off); }

  testing::FakeServer server_;
  testing::ScratchTree tree_;
};

TEST_F(CommandsTest, PutsAndGetsWithRulesOfCopy) {
  tree_.MakeFolder("dir");
  tree_.Write("dir/f", "contents");
  EXPECT_EQ(Run({"put", tree_.Path("dir"), ":/new"}).status, kExitDone);
  EXPECT_EQ(Run({"put", tree_.Path("dir"), ":/new"}).status, kExitDone);
  EXPECT_EQ(Run({"put", tree_.Path("dir/f"), ":/other/"}).status, kExitDone);
  EXPECT_THAT(server_.Paths(), ElementsAre("new", "new/dir", "new/dir/f", "new/f", "other/f"));
  EXPECT_EQ(Run({"get", ":/new", tree_.Path("back")}).status, kExitDone);
  EXPECT_EQ(tree_.Read("back/dir/f"), "contents");
}

TEST_F(CommandsTest, JsonTellsEachFileAndThenAll) {
  tree_.MakeFolder("dir");
  tree_.Write("dir/f", std::string(1000, 'x'));
  const Result put = Run({"put", "--json", "--stats", tree_.Path("dir"), ":/dir"});
  EXPECT_EQ(put.err, "");
  const auto objects = put.Objects();
  ASSERT_EQ(objects.size(), 3u);
  EXPECT_EQ(objects[0]["kind"], "folder");
  EXPECT_EQ(objects[1]["path"], "dir/f");
  EXPECT_EQ(objects[1]["status"], "done");
  EXPECT_EQ(objects[1]["size"], 1000);
  EXPECT_EQ(objects[1]["version"], 1);
  EXPECT_EQ(objects[2]["files"], 1);
  EXPECT_EQ(objects[2]["bytes_total"], 1000);
  EXPECT_EQ(objects[2]["failed"], 0);
  EXPECT_TRUE(objects[2]["seconds"].is_number());
  EXPECT_GT(objects[2]["bytes_sent"], 0);
}

TEST_F(CommandsTest, ExitStatusTellsHowItWent) {
  tree_.Write("f", "x");
  EXPECT_EQ(Run({"put", tree_.Path("none"), ":/x"}).status, kExitFailed);
  const Result some = Run({"put", tree_.Path("none"), tree_.Path("f"), ":/d/"});
  EXPECT_EQ(some.status, kExitSomeFailed);
  EXPECT_THAT(some.err, HasSubstr("none"));
  EXPECT_EQ(Run({"stat", ":/nothing"}).status, kExitFailed);
  EXPECT_EQ(Run({"get", ":/nothing", tree_.Path("back")}).status, kExitFailed);
  EXPECT_EQ(Run({"put", tree_.Path("f"), "not-remote"}).status, kExitUsage);
  EXPECT_EQ(Run({"put", ":/a", ":/b"}).status, kExitUsage);
  EXPECT_EQ(Run({"put", tree_.Path("f"), ":/../x"}).status, kExitUsage);
  EXPECT_EQ(Run({"mv", ":/a", "dray://elsewhere:1/b"}).status, kExitUsage);
}

TEST_F(CommandsTest, WrongFlagsAndVerbsAreUsageErrors) {
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(Run({"no-such-verb"}).status, kExitUsage);
  EXPECT_EQ(Run({"ls", "--no-such-flag"}).status, kExitUsage);
  EXPECT_EQ(Run({"put"}).status, kExitUsage);
  EXPECT_EQ(Run({"put", "--if-absent", "--if-version", "1", "a", ":/b"}).status, kExitUsage);
  EXPECT_EQ(Run({"put", "--help"}).status, kExitDone);
  EXPECT_EQ(Run({"--version"}).status, kExitDone);
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("--if-absent"));
  ::testing::internal::GetCapturedStderr();
}

TEST_F(CommandsTest, UnreachableServerIsExplained) {
  std::string address;
  {
    testing::FakeServer gone;
    address = gone.address().ToString();
  }
  const Result result = Run({"stat", "dray://" + address + "/f"});
  EXPECT_EQ(result.status, kExitFailed);
  EXPECT_THAT(result.err, HasSubstr("cannot reach " + address + ": Connection refused"));
  EXPECT_THAT(result.err, HasSubstr("--server"));
}

TEST_F(CommandsTest, ListsAsTextAndAsJson) {
  server_.AddFile("a/f\xff", "12345");
  server_.AddFile("a/g", "");
  wire::v1::Version folder;
  folder.set_path("a");
  folder.set_number(1);
  folder.mutable_metadata()->set_kind(wire::v1::FOLDER);
  folder.mutable_metadata()->set_mode(01755);
  server_.AddVersion(folder);
  EXPECT_EQ(Run({"ls", ":/a"}).out, "f\\xff\ng\n");
  EXPECT_EQ(Run({"ls", "-r"}).out, "a\na/f\\xff\na/g\n");
  const std::string lines = Run({"ls", "-l", ":/a"}).out;
  EXPECT_THAT(lines, StartsWith("-rw-r--r--    1             5 2001-09-09 "));
  EXPECT_THAT(Run({"ls", "-l", ":/"}).out, StartsWith("drwxr-xr-t "));
  const auto objects = Run({"ls", "--json", ":/a"}).Objects();
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0]["path"], "a/f\\xff");
  EXPECT_EQ(objects[0]["mode"], "0644");
  EXPECT_EQ(objects[0]["mtime"], "2001-09-09T01:46:40.123456789Z");
  EXPECT_EQ(Run({"get", ":/a/f\\xff", tree_.Path("back")}).status, kExitDone);
  EXPECT_EQ(tree_.Read("back"), "12345");
}

TEST_F(CommandsTest, NamesCanBeMovedRemovedAndTheirHistoryTold) {
  server_.AddFile("f", "1");
  server_.AddFile("f", "2");
  EXPECT_EQ(Run({"log", "--json", ":/f"}).Objects().size(), 2u);
  EXPECT_EQ(Run({"stat", "--json", ":/f"}).Objects()[0]["version"], 2);
  EXPECT_EQ(Run({"mv", ":/f", ":/g"}).status, kExitDone);
  EXPECT_EQ(Run({"rm", ":/g"}).status, kExitDone);
  EXPECT_EQ(Run({"stat", ":/g"}).status, kExitFailed);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("delta    healthy"));
}

// This server offers no feature.
TEST_F(CommandsTest, AnOlderServerIsNotAskedForThePast) {
  tree_.Write("f", "contents");
  ASSERT_EQ(Run({"put", tree_.Path("f"), ":/f"}).status, kExitDone);
  const std::string back = tree_.Path("back");
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"ls", "--at", "1h ago", ":/"},
                                             {"ls", "--at", "1h ago", ":/f"},
                                             {"stat", "--at", "1h ago", ":/f"},
                                             {"get", "--at", "1h ago", ":/f", back}}) {
    const Result result = Run(arguments);
    EXPECT_EQ(result.status, kExitFailed) << arguments[0];
    EXPECT_THAT(result.err, HasSubstr("upgrade the server")) << arguments[0];
  }
  EXPECT_FALSE(tree_.Exists("back"));
}

TEST_F(CommandsTest, ATimeThatIsNoneIsWrongUsage) {
  const Result result = Run({"ls", "--at", "soon", ":/"});
  EXPECT_EQ(result.status, kExitUsage);
  EXPECT_THAT(result.err, HasSubstr("\"soon\" is no time"));
  EXPECT_EQ(Run({"get", "--at", "1h ago", "--version", "1", ":/f", "."}).status, kExitUsage);
}

TEST_F(CommandsTest, QuietSaysNothingUnlessSomethingFails) {
  tree_.Write("f", "x");
  const Result put = Run({"put", "-q", tree_.Path("f"), ":/f"});
  EXPECT_EQ(put.out + put.err, "");
  EXPECT_THAT(Run({"put", "-q", tree_.Path("none"), ":/f"}).err, HasSubstr("none"));
}

TEST(Texts, AreForPeople) {
  Progress progress;
  progress.files_done = 3;
  progress.files_total = 10;
  progress.bytes_done = 50'000'000;
  progress.bytes_total = 100'000'000;
  progress.totals_final = true;
  progress.bytes_sent = 10'000'000;
  EXPECT_EQ(ProgressText(progress, 25e6),
            " 50% 3/10 files, 50 MB of 100 MB, 25 MB/s, 0:02 left, 40 MB saved");
  progress.totals_final = false;
  EXPECT_EQ(ProgressText(progress, 25e6),
            "scanning, 3/10+ files, 50 MB of 100 MB+, 25 MB/s, 40 MB saved");
  Summary summary;
  summary.files = 1;
  summary.failed = 2;
  EXPECT_THAT(SummaryText(summary, false), StartsWith("1 file, 2 failed; 0 B in "));
}

}  // namespace
}  // namespace dray
