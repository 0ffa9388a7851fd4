#include "services/delta/engine/changes.h"

#include "services/delta/engine/commit.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kOperation[] = "operation id 0001";

class ChangesTest : public testing::Test {
 protected:
  ~ChangesTest() override { ExpectConsistent(*catalog_); }

  // Runs `change` with a NameWriter in a transaction; returns what it returns.
  template <typename Result>
  absl::StatusOr<Result> Change(absl::FunctionRef<absl::StatusOr<Result>(NameWriter&)> change) {
    absl::StatusOr<Result> result = absl::UnknownError("did not run");
    const absl::Status status =
        WriteAndWait(*catalog_, [&](CatalogTransaction& transaction) -> absl::Status {
          NameWriter writer(transaction, now_ns_, "tester");
          result = change(writer);
          return result.status();
        });
    if (!status.ok()) return status;
    return result;
  }

  absl::StatusOr<CommitResult> Commit(const CommitArguments& arguments) {
    return Change<CommitResult>([&](NameWriter& writer) { return CommitEntry(writer, arguments); });
  }
  absl::StatusOr<CommitResult> CommitLink(const std::string& path, const std::string& target,
                                          Precondition replaces = {}, std::string operation = "") {
    CommitArguments arguments{.path = path, .operation_id = operation, .replaces = replaces};
    arguments.metadata = {.kind = EntryKind::kSymlink, .mode = 0777, .symlink_target = target};
    return Commit(arguments);
  }
  absl::StatusOr<CommitResult> CommitFolder(const std::string& path, uint32_t mode = 0755) {
    CommitArguments arguments{.path = path};
    arguments.metadata = {.kind = EntryKind::kFolder, .mode = mode, .mtime_ns = 5};
    return Commit(arguments);
  }
  absl::StatusOr<ChangeResult> Delete(const std::string& path, bool recursive = false,
                                      const std::string& operation = "") {
    return Change<ChangeResult>([&](NameWriter& writer) {
      return DeletePath(writer, path, recursive, operation, ChangeId{++change_});
    });
  }
  absl::StatusOr<ChangeResult> Restore(const std::string& path, uint64_t number = 0,
                                       const std::string& operation = "") {
    return Change<ChangeResult>(
        [&](NameWriter& writer) { return RestorePath(writer, path, number, operation); });
  }
  absl::StatusOr<ChangeResult> Move(const std::string& from, const std::string& to,
                                    const std::string& operation = "") {
    return Change<ChangeResult>([&](NameWriter& writer) {
      return MovePath(writer, from, to, operation, ChangeId{++change_});
    });
  }

  // As retention does.
  void DropOldest(const std::string& path) {
    const EntryId entry = Any(path)->id;
    const absl::Status dropped =
        WriteAndWait(*catalog_, [&](CatalogTransaction& transaction) -> absl::Status {
          DRAY_ASSIGN_OR_RETURN(const auto oldest, transaction.FindVersionAfter(entry, 0));
          if (!oldest) return absl::NotFoundError("no version");
          return transaction.DropVersion(entry, oldest->number);
        });
    ASSERT_TRUE(dropped.ok()) << dropped;
  }

  // All live paths beneath the top, parents first.
  std::vector<std::string> Live() {
    std::vector<std::string> paths;
    ReadAndWait(*catalog_, [&](CatalogView& view) { CollectLive(view, kTopEntry, "", &paths); });
    return paths;
  }
  std::optional<EntryRecord> Any(const std::string& path) {
    std::optional<EntryRecord> entry;
    ReadAndWait(*catalog_, [&](CatalogView& view) { entry = FindAny(view, path).value(); });
    return entry;
  }

  const std::string file_ = NewTestFolder() + "/catalog.db";
  std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(file_);
  int64_t now_ns_ = 1'000'000;
  uint64_t change_ = 0;

 private:
  static void CollectLive(CatalogView& view, EntryId folder, std::string prefix,
                          std::vector<std::string>* paths) {
    const absl::Status status = ForEachChild(view, folder, [&](const EntryRecord& child) {
      if (child.head.deleted()) return absl::OkStatus();
      paths->push_back(JoinPath(prefix, child.name));
      CollectLive(view, child.id, paths->back(), paths);
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
  }
};

TEST_F(ChangesTest, ACommitMakesTheFoldersAboveIt) {
  ASSERT_TRUE(CommitLink("a/b/c", "x").ok());
  EXPECT_THAT(Live(), ElementsAre("a", "a/b", "a/b/c"));
  EXPECT_EQ(Any("a/b")->head.metadata,
            (Metadata{.kind = EntryKind::kFolder, .mode = 0755, .mtime_ns = now_ns_}));
}

TEST_F(ChangesTest, TheSameAgainIsUnchanged) {
  EXPECT_FALSE(CommitLink("a", "x")->unchanged);
  const auto again = CommitLink("a", "x");
  EXPECT_TRUE(again->unchanged);
  EXPECT_EQ(again->version.number, 1u);
  EXPECT_EQ(CommitLink("a", "y")->version.number, 2u);
  EXPECT_FALSE(CommitFolder("f")->unchanged);
  EXPECT_TRUE(CommitFolder("f")->unchanged);
  EXPECT_EQ(CommitFolder("f", 0700)->version.number, 2u);
}

TEST_F(ChangesTest, TheTopCannotBeWritten) {
  EXPECT_THAT(CommitFolder("").status(), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Delete("", true).status(), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Move("", "a").status(), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CommitLink("../a", "x").status(), HasCode(absl::StatusCode::kInvalidArgument));
}

TEST_F(ChangesTest, FilesAndFoldersDoNotReplaceEachOther) {
  ASSERT_TRUE(CommitLink("file", "x").ok());
  ASSERT_TRUE(CommitFolder("folder").ok());
  EXPECT_THAT(CommitFolder("file").status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CommitLink("folder", "x").status(), HasCode(absl::StatusCode::kFailedPrecondition));
  const auto beneath = CommitLink("file/deep/er", "x");
  EXPECT_THAT(beneath.status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(beneath.status().message()), HasSubstr("\"file\" is no folder"));
  ASSERT_TRUE(Delete("file").ok());
  EXPECT_TRUE(CommitFolder("file").ok());
  EXPECT_THAT(Live(), ElementsAre("file", "folder"));
}

TEST_F(ChangesTest, PreconditionsNameTheNewestVersion) {
  ASSERT_TRUE(CommitLink("a", "1", {.absent = true}).ok());
  const auto absent = CommitLink("a", "2", {.absent = true});
  EXPECT_THAT(absent.status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(absent.status().message()), HasSubstr("version 1"));
  EXPECT_TRUE(CommitLink("a", "2", {.number = 1}).ok());
  const auto lost = CommitLink("a", "3", {.number = 1});
  EXPECT_THAT(lost.status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(lost.status().message()), HasSubstr("at version 2, not at version 1"));
  EXPECT_THAT(CommitLink("new", "3", {.number = 1}).status(),
              HasCode(absl::StatusCode::kFailedPrecondition));
  ASSERT_TRUE(Delete("a").ok());
  EXPECT_EQ(CommitLink("a", "4", {.absent = true})->version.number, 4u);
}

TEST_F(ChangesTest, ARepeatedOperationIsTheSameOperation) {
  EXPECT_EQ(CommitLink("d/a", "1", {}, kOperation)->version.number, 1u);
  ASSERT_TRUE(CommitLink("d/a", "2").ok());
  const auto again = CommitLink("d/a", "1", {.absent = true}, kOperation);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->version.number, 1u);
  EXPECT_FALSE(again->unchanged);
  EXPECT_EQ(Any("d/a")->head.number, 2u);
  // One id may cover many paths.
  EXPECT_EQ(CommitLink("d/b", "1", {}, kOperation)->version.number, 1u);

  const auto deleted = Delete("d", true, "delete operation");
  EXPECT_EQ(deleted->entries, 3u);
  const auto deleted_again = Delete("d", true, "delete operation");
  ASSERT_TRUE(deleted_again.ok()) << deleted_again.status();
  EXPECT_EQ(deleted_again->entries, 3u);
  EXPECT_EQ(deleted_again->version.number, deleted->version.number);

  EXPECT_EQ(Restore("d", 0, "restore operation")->entries, 3u);
  EXPECT_EQ(Restore("d", 0, "restore operation")->entries, 3u);
  EXPECT_EQ(Move("d", "e", "move operation 1")->path, "e");
  EXPECT_EQ(Move("d", "e", "move operation 1")->path, "e");
  EXPECT_EQ(Any("e")->head.number, 3u);
  // The commit is remembered even where its folder was deleted since.
  ASSERT_TRUE(Delete("e", true).ok());
  EXPECT_EQ(CommitLink("e/a", "1", {}, kOperation)->version.number, 1u);
}

TEST_F(ChangesTest, CommitTimesIncreaseThoughTheClockJumpsBack) {
  const int64_t first = CommitLink("a", "1")->version.committed_ns;
  now_ns_ -= 500'000;
  EXPECT_EQ(CommitLink("a", "2")->version.committed_ns, first + 1);
  EXPECT_EQ(CommitLink("b", "2")->version.committed_ns, now_ns_);
}

TEST_F(ChangesTest, DeletingAFolderThatIsNotEmptyMustBeMeant) {
  ASSERT_TRUE(CommitLink("a/b/c", "x").ok());
  EXPECT_THAT(Delete("a").status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(Delete("a/b/c")->entries, 1u);
  EXPECT_EQ(Delete("a/b")->entries, 1u) << "only deleted entries are in it";
  EXPECT_THAT(Delete("a/b").status(), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(Live(), ElementsAre("a"));
}

TEST_F(ChangesTest, UndoingADeletionBringsBackWhatItDeletedAndNoMore) {
  ASSERT_TRUE(CommitLink("a/gone before", "x").ok());
  ASSERT_TRUE(CommitLink("a/b/c", "x").ok());
  ASSERT_TRUE(CommitLink("a/d", "y").ok());
  ASSERT_TRUE(Delete("a/gone before").ok());
  EXPECT_EQ(Delete("a", true)->entries, 4u);
  EXPECT_THAT(Live(), IsEmpty());
  EXPECT_EQ(Any("a/b/c")->head.change, Any("a")->head.change);
  const auto restored = Restore("a");
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(restored->entries, 4u);
  EXPECT_THAT(Live(), ElementsAre("a", "a/b", "a/b/c", "a/d"));
  EXPECT_EQ(Any("a/d")->head.metadata.symlink_target, "y");
  EXPECT_EQ(Any("a/d")->head.number, 3u);
  EXPECT_THAT(Restore("a").status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Restore("never").status(), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(ChangesTest, UndoingPartOfADeletionMakesItsFoldersAgain) {
  ASSERT_TRUE(CommitLink("a/b/c", "x").ok());
  ASSERT_TRUE(CommitLink("a/b/d", "x").ok());
  ASSERT_TRUE(Delete("a", true).ok());
  EXPECT_EQ(Restore("a/b/c")->entries, 1u);
  EXPECT_THAT(Live(), ElementsAre("a", "a/b", "a/b/c"));
}

TEST_F(ChangesTest, AnOldVersionCanBeTheNewestAgain) {
  ASSERT_TRUE(CommitLink("a", "1").ok());
  ASSERT_TRUE(CommitLink("a", "2").ok());
  const auto restored = Restore("a", 1);
  EXPECT_EQ(restored->version.number, 3u);
  EXPECT_EQ(restored->version.metadata.symlink_target, "1");
  EXPECT_EQ(Restore("a", 3)->version.number, 3u) << "it is the newest already";
  ASSERT_TRUE(Delete("a").ok());
  EXPECT_THAT(Restore("a", 4).status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Restore("a", 9).status(), HasCode(absl::StatusCode::kNotFound));
  EXPECT_EQ(Restore("a", 2)->version.number, 5u);
}

TEST_F(ChangesTest, WhatIsNoLongerKeptIsNotDoneAgain) {
  ASSERT_TRUE(CommitLink("a", "1", {}, kOperation).ok());
  ASSERT_TRUE(CommitLink("a", "2").ok());
  DropOldest("a");
  const auto again = CommitLink("a", "1", {}, kOperation);
  EXPECT_THAT(again.status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(again.status().message()), HasSubstr("version 1"));
  EXPECT_EQ(Any("a")->head.metadata.symlink_target, "2");

  ASSERT_TRUE(Delete("a", false, "delete operation").ok());
  ASSERT_TRUE(CommitLink("a", "4").ok());
  DropOldest("a");
  DropOldest("a");
  EXPECT_THAT(Delete("a", false, "delete operation").status(),
              HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Live(), ElementsAre("a"));
}

TEST_F(ChangesTest, OnlyWhatIsKeptCanBeRestored) {
  ASSERT_TRUE(CommitLink("a/b", "1").ok());
  ASSERT_TRUE(CommitLink("a/c", "1").ok());
  ASSERT_TRUE(CommitLink("d", "1").ok());
  ASSERT_TRUE(CommitLink("d", "2").ok());
  DropOldest("d");
  const auto old = Restore("d", 1);
  EXPECT_THAT(old.status(), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(old.status().message()), HasSubstr("no longer kept"));
  ASSERT_TRUE(Delete("d").ok());
  DropOldest("d");
  EXPECT_THAT(Restore("d").status(), HasCode(absl::StatusCode::kFailedPrecondition));

  ASSERT_TRUE(Delete("a", true).ok());
  DropOldest("a/b");
  EXPECT_EQ(Restore("a")->entries, 2u);
  EXPECT_THAT(Live(), ElementsAre("a", "a/c"));
}

TEST_F(ChangesTest, AMoveTakesTheHistoryAlong) {
  ASSERT_TRUE(CommitLink("a/b", "1").ok());
  ASSERT_TRUE(CommitLink("a/b", "2").ok());
  const EntryId before = Any("a/b")->id;
  const auto moved = Move("a", "x/y/z");
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->entries, 1u);
  EXPECT_THAT(Live(), ElementsAre("x", "x/y", "x/y/z", "x/y/z/b"));
  EXPECT_EQ(Any("x/y/z/b")->id, before);
  EXPECT_EQ(Any("x/y/z/b")->head.number, 2u);
  EXPECT_FALSE(Any("a").has_value());
}

TEST_F(ChangesTest, AMoveNeverOverwritesNorTiesAKnot) {
  ASSERT_TRUE(CommitLink("a/b", "1").ok());
  ASSERT_TRUE(CommitLink("c", "1").ok());
  EXPECT_THAT(Move("c", "a/b").status(), HasCode(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Move("c", "c").status(), HasCode(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(Move("a", "a/b/c").status(), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Move("a", "a/new").status(), HasCode(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Move("a", "c/new").status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Move("nothing", "d").status(), HasCode(absl::StatusCode::kNotFound));
  EXPECT_TRUE(Move("a", "ab").ok()) << "a name that only begins alike lies not beneath";
  EXPECT_THAT(Live(), ElementsAre("ab", "ab/b", "c"));
}

TEST_F(ChangesTest, AMoveOntoADeletedNameKeepsBothHistories) {
  ASSERT_TRUE(CommitLink("to/b", "old").ok());
  ASSERT_TRUE(Delete("to", true).ok());
  ASSERT_TRUE(CommitLink("from/b", "new").ok());
  ASSERT_TRUE(CommitLink("from/c/d", "new").ok());
  const auto moved = Move("from", "to");
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->entries, 4u);
  EXPECT_THAT(Live(), ElementsAre("to", "to/b", "to/c", "to/c/d"));
  EXPECT_EQ(Any("to/b")->head.number, 3u);
  EXPECT_EQ(Any("to/b")->head.metadata.symlink_target, "new");
  EXPECT_TRUE(Any("from/b")->head.deleted());
  // The deletions of the source are one change, which can be undone.
  EXPECT_EQ(Restore("from")->entries, 4u);
}

TEST_F(ChangesTest, AChangeThatFailsLeavesNothing) {
  ASSERT_TRUE(CommitLink("a", "1").ok());
  CommitArguments arguments{.path = "new/folder/file", .root = TestChunkId(1).As<NodeTag>()};
  arguments.metadata = {.kind = EntryKind::kFile, .size = 5};
  EXPECT_THAT(Commit(arguments).status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(Any("new").has_value());
}

TEST_F(ChangesTest, AFolderOfManyIsDeletedMovedAndRestoredWhole) {
  const absl::Status made =
      WriteAndWait(*catalog_, [&](CatalogTransaction& transaction) -> absl::Status {
        NameWriter writer(transaction, now_ns_, "tester");
        for (int i = 0; i < 1000; ++i) {
          CommitArguments arguments{.path = absl::StrCat("many/", i % 3, "/", i)};
          arguments.metadata = {.kind = EntryKind::kSymlink, .symlink_target = "x"};
          DRAY_RETURN_IF_ERROR(CommitEntry(writer, arguments).status());
        }
        return absl::OkStatus();
      });
  ASSERT_TRUE(made.ok()) << made;
  EXPECT_EQ(Delete("many", true)->entries, 1004u);
  EXPECT_EQ(Restore("many")->entries, 1004u);
  ASSERT_TRUE(CommitLink("dead", "x").ok());
  ASSERT_TRUE(Delete("dead").ok());
  EXPECT_EQ(Move("many", "dead")->entries, 1004u);
  EXPECT_EQ(Live().size(), 1004u);
}

}  // namespace
}  // namespace dray::delta
