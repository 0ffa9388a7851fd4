// What was there at a time, with the real programs: ls, stat and get with --at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PastTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    for (const char* folder : {"tree", "tree/sub", "tree/empty"}) MakeFolder(stack_.Path(folder));
    WriteFile(stack_.Path("tree/small"), "first");
    WriteFile(stack_.Path("tree/sub/large"), RandomText(3 << 20, 1));
    WriteFile(stack_.Path("tree/sub/old"), "deleted later");
    MakeLink("small", stack_.Path("tree/link"));
    Run({"put", stack_.Path("tree"), ":/tree"});
    Run({"get", ":/tree", stack_.Path("kept")});
  }
  CommandResult Run(const std::vector<std::string>& arguments, int expected_status = 0) {
    CommandResult result = stack_.Dray(arguments);
    EXPECT_EQ(result.status, expected_status) << arguments[0] << ": " << result.err << result.out;
    return result;
  }
  // Changes, moves and deletes all that was put.
  void TurnOver() {
    WriteFile(stack_.Path("tree/small"), "second");
    WriteFile(stack_.Path("tree/sub/large"), RandomText(3 << 20, 2));
    Run({"put", stack_.Path("tree"), ":/"});
    Run({"mv", ":/tree/sub/large", ":/tree/elsewhere"});
    Run({"rm", ":/tree/sub/old"});
    Run({"mv", ":/tree", ":/moved"});
    Run({"put", stack_.Path("tree/small"), ":/tree"});
    Run({"rm", "--recursive", ":/moved"});
  }
  // A time between what was done and what will be, as RFC 3339.
  static std::string Now() {
    absl::SleepFor(absl::Milliseconds(2));
    const std::string now = absl::FormatTime(absl::RFC3339_full, absl::Now(), absl::UTCTimeZone());
    absl::SleepFor(absl::Milliseconds(2));
    return now;
  }

  Stack stack_;
};

TEST_F(PastTest, AWholeFolderIsGotAsItWas) {
  const std::string then = Now();
  TurnOver();
  Run({"get", ":/tree", stack_.Path("now")});
  Run({"get", "--at", then, ":/tree", stack_.Target("back")});
  EXPECT_THAT(Differences(stack_.Path("kept"), stack_.Target("back")), IsEmpty());
  Run({"get", "--at", then, ":/tree/sub/large", stack_.Path("one")});
  EXPECT_EQ(ReadFile(stack_.Path("one")), ReadFile(stack_.Path("kept/sub/large")));
  stack_.ExpectSound();
}

TEST_F(PastTest, ListAndStatTellWhatWasThere) {
  const std::string then = Now();
  TurnOver();
  const std::string listed = Run({"ls", "--recursive", "--at", then, ":/tree"}).out;
  EXPECT_THAT(listed, HasSubstr("sub/large"));
  EXPECT_THAT(listed, HasSubstr("sub/old"));
  EXPECT_THAT(listed, Not(HasSubstr("elsewhere")));
  const auto objects = Run({"stat", "--json", "--at", then, ":/tree/small"}).Objects();
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(objects[0].value("version", 0), 1);
  EXPECT_EQ(Run({"ls", "--json", "--at", then, ":/tree/small"}).Objects().size(), 1u);
  EXPECT_THAT(Run({"stat", "--at", then, ":/moved"}, 1).err, HasSubstr("at that time"));
  EXPECT_THAT(Run({"ls", "--at", "1h ago", ":/tree"}, 1).err, HasSubstr("at that time"));
  EXPECT_EQ(Run({"ls", "--at", "1h ago"}).out, "");
}

TEST_F(PastTest, ATimeToComeIsRefused) {
  EXPECT_THAT(Run({"ls", "--at", "2100-01-01", ":/tree"}, 1).err, HasSubstr("not in the past"));
  EXPECT_THAT(Run({"ls", "--at", "tomorrow", ":/tree"}, 2).err, HasSubstr("no time"));
}

// What was known before delta was killed is known after it.
TEST_F(PastTest, TheNamesOfThenSurviveAKill) {
  const std::string then = Now();
  Run({"mv", ":/tree", ":/moved"});
  stack_.delta().Kill();
  stack_.delta().Start();
  Run({"get", "--at", then, ":/tree", stack_.Target("back")});
  EXPECT_THAT(Differences(stack_.Path("kept"), stack_.Target("back")), IsEmpty());
  stack_.ExpectSound();
}

}  // namespace
}  // namespace dray::testing
