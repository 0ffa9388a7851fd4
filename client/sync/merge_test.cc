#include "client/sync/merge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace dray {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kSecond = 1'000'000'000;

SyncEntry File(const std::string& name, uint64_t size = 1, int64_t mtime_ns = 5 * kSecond + 7) {
  return {
      .name = name, .kind = wire::v1::FILE, .mode = 0644, .mtime_ns = mtime_ns, .size_bytes = size};
}
SyncEntry Folder(const std::string& name, uint32_t mode = 0755) {
  return {.name = name, .kind = wire::v1::FOLDER, .mode = mode, .mtime_ns = 3 * kSecond};
}
SyncEntry Link(const std::string& name, const std::string& target) {
  return {.name = name, .kind = wire::v1::SYMLINK, .mode = 0777, .link = target};
}

class ListCursor : public TreeCursor {
 public:
  explicit ListCursor(std::vector<SyncEntry> entries) : entries_(std::move(entries)) {}
  absl::StatusOr<std::optional<SyncEntry>> Next() override {
    while (next_ < entries_.size()) {
      const SyncEntry& entry = entries_[next_++];
      if (skip_ && entry.name.rfind(*skip_ + "/", 0) == 0) continue;
      last_ = entry.name;
      return std::optional(entry);
    }
    return std::optional<SyncEntry>();
  }
  void SkipFolder() override { skip_ = last_; }

 private:
  const std::vector<SyncEntry> entries_;
  size_t next_ = 0;
  std::string last_;
  std::optional<std::string> skip_;
};

// Writes down what it is told.
class Notes : public MergeSink {
 public:
  absl::Status OnUnchanged(const SyncEntry& source) override { return Note("= ", source); }
  absl::Status OnChange(const SyncChange& change, const SyncEntry& source, bool alone) override {
    if (alone) alone_names.push_back(source.name);
    switch (change.action) {
      case SyncChange::Action::kCreate:
        return Note("+ ", source);
      case SyncChange::Action::kUpdate:
        return Note("u ", source);
      case SyncChange::Action::kSetMetadata:
        return Note("m ", source);
      case SyncChange::Action::kReplace:
        return Note("r ", source);
      case SyncChange::Action::kBlocked:
        return Note("b ", source);
    }
    return absl::OkStatus();
  }
  absl::Status OnFolderEnd(const SyncEntry& source) override { return Note("end ", source); }
  absl::Status OnExtra(const SyncEntry& target) override { return Note("- ", target); }

  std::vector<std::string> notes;
  std::vector<std::string> alone_names;

 private:
  absl::Status Note(const char* what, const SyncEntry& entry) {
    notes.push_back(what + entry.name);
    return absl::OkStatus();
  }
};

struct Result {
  std::vector<std::string> notes;
  std::vector<std::string> alone_names;
  bool top_changed = false;
};

Result RunMerge(std::vector<SyncEntry> source, std::vector<SyncEntry> target,
                MergeOptions options = {.removes = true}) {
  ListCursor source_cursor(std::move(source)), target_cursor(std::move(target));
  Notes notes;
  Merge merge(&source_cursor, &target_cursor, options, &notes);
  EXPECT_TRUE(merge.Run().ok());
  return {notes.notes, notes.alone_names, merge.top_changed()};
}

TEST(MergeTest, EqualSidesNeedNothing) {
  const std::vector<SyncEntry> side = {File("a"), Folder("b"), File("b/c"), Link("d", "a")};
  const Result result = RunMerge(side, side);
  EXPECT_THAT(result.notes, ElementsAre("= a", "= b", "= b/c", "= d"));
  EXPECT_FALSE(result.top_changed);
}

TEST(MergeTest, WhatIsMissingIsMadeAndFoldersEndAfterAllInThem) {
  const Result result = RunMerge({Folder("a"), Folder("a/b"), File("a/b/c"), File("a.x")}, {});
  EXPECT_THAT(result.notes, ElementsAre("+ a", "+ a/b", "+ a/b/c", "end a/b", "end a", "+ a.x"));
  EXPECT_TRUE(result.top_changed);
}

TEST(MergeTest, WhatIsNewIsAloneWhereTheTargetHasNoFileItCouldBeMadeOf) {
  const std::vector<SyncEntry> source = {Folder("a"), File("b"), File("c"), File("d")};
  EXPECT_THAT(RunMerge(source, {}).alone_names, ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(RunMerge(source, {Folder("a")}).alone_names, ElementsAre("b", "c", "d"));
  for (const char* there : {"a.x", "b"}) {  // one that the source lacks, one that it has
    EXPECT_THAT(RunMerge(source, {File(there)}).alone_names, IsEmpty()) << there;
  }
}

TEST(MergeTest, AFolderThatOnlyLosesSomethingEndsToo) {
  const Result result =
      RunMerge({Folder("a"), File("a/x")}, {Folder("a"), File("a/w"), File("a/x")});
  EXPECT_THAT(result.notes, ElementsAre("= a", "- a/w", "= a/x", "end a"));
  EXPECT_FALSE(result.top_changed);
  EXPECT_THAT(RunMerge({Folder("a")}, {Folder("a"), File("a/w")}, {.removes = false}).notes,
              ElementsAre("= a", "- a/w"))
      << "nothing in it changes";
}

TEST(MergeTest, SizeTimeAndMode) {
  SyncEntry mode = File("a");
  mode.mode = 0600;
  EXPECT_THAT(RunMerge({File("a", 2)}, {File("a")}).notes, ElementsAre("u a"));
  EXPECT_THAT(RunMerge({File("a", 1, 9)}, {File("a")}).notes, ElementsAre("u a"));
  EXPECT_THAT(RunMerge({mode}, {File("a")}).notes, ElementsAre("m a"));
  mode.mode = 04644;
  EXPECT_THAT(RunMerge({mode}, {File("a")}, {.mode_mask = 0777}).notes, ElementsAre("= a"));
}

TEST(MergeTest, ASideThatKeepsSecondsIsNoDifference) {
  EXPECT_TRUE(SameTime(5 * kSecond, 5 * kSecond + 7));
  EXPECT_FALSE(SameTime(5 * kSecond + 1, 5 * kSecond + 7));
  EXPECT_FALSE(SameTime(5 * kSecond, 6 * kSecond));
  EXPECT_TRUE(SameTime(-kSecond, -kSecond + 7));
  EXPECT_FALSE(SameTime(0, -7));
}

TEST(MergeTest, ContentsDecideWhereTheyAreCompared) {
  MergeOptions options;
  bool same = true;
  options.same_contents = [&](const SyncEntry&, const SyncEntry&) { return same; };
  EXPECT_THAT(RunMerge({File("a", 1, 9)}, {File("a")}, options).notes, ElementsAre("m a"));
  EXPECT_THAT(RunMerge({File("a")}, {File("a")}, options).notes, ElementsAre("= a"));
  same = false;
  EXPECT_THAT(RunMerge({File("a")}, {File("a")}, options).notes, ElementsAre("u a"));
}

TEST(MergeTest, NewerFilesStay) {
  const MergeOptions options = {.update = true};
  EXPECT_THAT(RunMerge({File("a", 2, 5)}, {File("a", 1, 6)}, options).notes, ElementsAre("= a"));
  EXPECT_THAT(RunMerge({File("a", 2, 6)}, {File("a", 1, 5)}, options).notes, ElementsAre("u a"));
}

TEST(MergeTest, LinksDifferByTheirText) {
  EXPECT_THAT(RunMerge({Link("a", "x")}, {Link("a", "y")}).notes, ElementsAre("u a"));
}

TEST(MergeTest, OneKindInThePlaceOfAnother) {
  EXPECT_THAT(RunMerge({File("a")}, {Link("a", "x")}).notes, ElementsAre("+ a"));
  EXPECT_THAT(RunMerge({Folder("a"), File("a/b")}, {File("a")}).notes,
              ElementsAre("r a", "+ a/b", "end a"));
  EXPECT_THAT(RunMerge({File("a"), File("b")}, {Folder("a"), File("a/x"), File("b")}).notes,
              ElementsAre("b a", "- a/x", "= b", "- a"));
}

TEST(MergeTest, WhatIsDeletedComesBeforeItsFolder) {
  EXPECT_THAT(
      RunMerge({File("z")}, {Folder("a"), Folder("a/b"), File("a/b/c"), File("a/d"), File("z")})
          .notes,
      ElementsAre("- a/b/c", "- a/b", "- a/d", "= z", "- a"));
}

TEST(MergeTest, WhatIsExcludedIsSeenOnNeitherSide) {
  Filter filter;
  ASSERT_TRUE(filter.AddPattern("*.o").ok());
  ASSERT_TRUE(filter.AddPattern("cache/").ok());
  const MergeOptions options = {.filter = &filter, .removes = true};
  EXPECT_THAT(
      RunMerge({File("a.o"), Folder("cache"), File("cache/x")}, {File("b.o")}, options).notes,
      IsEmpty());
  // A folder with something excluded in it stays, and so do those above.
  EXPECT_THAT(
      RunMerge({}, {Folder("a"), Folder("a/b"), File("a/b/x.o"), File("a/b/y")}, options).notes,
      ElementsAre("- a/b/y"));
  EXPECT_THAT(RunMerge({}, {Folder("a"), Folder("a/cache"), File("a/cache/y")}, options).notes,
              IsEmpty());
}

TEST(MergeTest, NamesThatBeginAlikeAreToldApart) {
  // "a" holds "a/b"; "a.b" sorts between them by bytes, but not in a listing.
  EXPECT_THAT(
      RunMerge({Folder("a"), File("a/b"), File("a.b")}, {Folder("a"), File("a/b"), File("a.b")})
          .notes,
      ElementsAre("= a", "= a/b", "= a.b"));
}

}  // namespace
}  // namespace dray
