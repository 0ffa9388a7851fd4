// What the client remembers between runs: an unchanged tree is not read again, and nothing that
// happens to the cache costs more than time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::IsEmpty;

constexpr uint64_t kLargeBytes = 8'000'000;
constexpr int kSmallFiles = 200;

class RememberedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakeFolder(Tree());
    WriteRandomFile(Tree() + "/large", kLargeBytes, 1);
    for (int i = 0; i < kSmallFiles; ++i) {
      WriteFile(absl::StrCat(Tree(), "/small", i), RandomText(5'000, static_cast<uint64_t>(i)));
    }
    absl::SleepFor(absl::Milliseconds(2100));  // what is younger is not remembered
  }
  std::string Tree() { return stack_.Path("tree"); }
  std::string Cache() { return stack_.scratch().Path("home/.cache/dray/hashes-1.db"); }
  nlohmann::json Put() { return stack_.DrayStats({"put", Tree(), ":/tree/"}).Stats(); }
  void ExpectStored() {
    const std::string back = stack_.Target("back");
    const CommandResult got = stack_.Dray({"get", ":/tree/tree", back});
    ASSERT_EQ(got.status, 0) << got.err;
    EXPECT_THAT(Differences(Tree(), back), IsEmpty());
  }

  Stack stack_;
};

TEST_F(RememberedTest, UnchangedTreeIsNotChangedAndEditsAreSeen) {
  Put();
  ASSERT_TRUE(Exists(Cache()));
  const nlohmann::json again = Put();
  EXPECT_EQ(again["chunks_sent"], 0);
  EXPECT_EQ(again["unchanged"], kSmallFiles + 2);
  // Same size, same mtime; only the ctime tells.
  for (const char* name : {"/large", "/small7"}) {
    const std::string file = Tree() + name;
    SetMtime(file, 1'500'000'000, 0);
  }
  absl::SleepFor(absl::Milliseconds(2100));
  Put();
  for (const char* name : {"/large", "/small7"}) {
    const std::string file = Tree() + name;
    std::string contents = ReadFile(file);
    contents[1000] ^= 1;
    WriteFile(file, contents);
    SetMtime(file, 1'500'000'000, 0);
  }
  Put();
  ExpectStored();
}

TEST_F(RememberedTest, DamageToTheCacheCostsTimeOnly) {
  Put();
  for (const uint64_t seed : {1, 2, 3}) {
    if (!Exists(Cache())) Put();  // it was found damaged, and thrown away
    std::string cache = ReadFile(Cache());
    const std::string noise = RandomText(3'000, seed);
    cache.replace((cache.size() - noise.size()) / 4 * seed, noise.size(), noise);
    WriteFile(Cache(), cache);
    EXPECT_EQ(Put()["chunks_sent"], 0);
  }
  WriteFile(Cache(), "no database");
  EXPECT_EQ(Put()["unchanged"], kSmallFiles + 2);
  ExpectStored();
}

TEST_F(RememberedTest, CacheThatCannotBeWrittenCostsTimeOnly) {
  WriteFile(stack_.Path("file"), "");
  Stack::DrayOptions options;
  options.environment["XDG_CACHE_HOME"] = stack_.Path("file");
  const CommandResult put = stack_.Dray({"put", "--quiet", Tree(), ":/tree/"}, options);
  ASSERT_EQ(put.status, 0) << put.err;
  EXPECT_EQ(put.err, "");
  ExpectStored();
}

TEST_F(RememberedTest, KilledClientLeavesAUsableCache) {
  for (int round = 0; round < 5; ++round) {
    const auto running = stack_.StartDray({"put", Tree(), ":/tree/"});
    absl::SleepFor(absl::Milliseconds(20 * round));
    running->process().Kill();
  }
  Put();
  EXPECT_EQ(Put()["chunks_sent"], 0);
  ExpectStored();
}

}  // namespace
}  // namespace dray::testing
