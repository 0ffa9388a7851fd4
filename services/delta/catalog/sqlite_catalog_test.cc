#include "services/delta/catalog/sqlite_catalog.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <numeric>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "core/base/file.h"
#include "core/database/database.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

using testing::HasSubstr;

class SqliteCatalogTest : public testing::Test {
 protected:
  absl::Status Write(absl::FunctionRef<absl::Status(CatalogTransaction&)> job) {
    return WriteAndWait(*catalog_, job);
  }

  bool HasChunk(uint64_t number) {
    bool has = false;
    ReadAndWait(*catalog_, [&](CatalogView& view) {
      has = view.FindChunk(TestChunkId(number)).value().has_value();
    });
    return has;
  }

  const std::string file_ = NewTestFolder() + "/made/catalog.db";
  std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(file_);
};

VersionRecord FileVersion(uint64_t number, const TestFile& file) {
  VersionRecord version{.number = number, .root = file.root, .committed_ns = 1};
  version.metadata = {.kind = EntryKind::kFile, .mode = 0644, .size = file.size};
  return version;
}

TEST_F(SqliteCatalogTest, KeepsWhatWasWrittenWhenOpenedAgain) {
  const TestFile file = MakeTestFile(0, 1000);
  ASSERT_TRUE(Write([&](CatalogTransaction& transaction) -> absl::Status {
                DRAY_RETURN_IF_ERROR(AddTestFile(transaction, file));
                DRAY_ASSIGN_OR_RETURN(const EntryId entry, transaction.AddEntry(kTopEntry, "f"));
                return transaction.AddVersion(entry, FileVersion(1, file));
              }).ok());
  catalog_.reset();
  catalog_ = OpenTestCatalog(file_);
  ReadAndWait(*catalog_, [&](CatalogView& view) {
    EXPECT_EQ(view.FindEntry(kTopEntry, "f").value()->head.root, file.root);
    EXPECT_EQ(view.FindNode(file.root).value()->length_bytes, file.size);
    EXPECT_EQ(view.ReadNode(file.root).value().entries, file.nodes.back().node.entries);
    EXPECT_EQ(view.FindChunk(TestChunkId(999)).value(), TestChunk(999));
  });
  EXPECT_EQ(catalog_->Counts().chunks, 1000u);
  ExpectConsistent(*catalog_);
}

TEST_F(SqliteCatalogTest, ASecondOneOnTheSameFileIsRefused) {
  const auto second = OpenSqliteCatalog({.file = file_});
  EXPECT_THAT(second.status(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use by another dray-delta"));
}

TEST_F(SqliteCatalogTest, AFileThatIsNoDatabaseIsDataLoss) {
  const std::string file = NewTestFolder() + "/catalog.db";
  ASSERT_TRUE(ReplaceFile(file, std::string(10000, 'x')).ok());
  EXPECT_THAT(OpenSqliteCatalog({.file = file}).status(), HasCode(absl::StatusCode::kDataLoss));
}

TEST_F(SqliteCatalogTest, TheFirstLocationOfAChunkWins) {
  ASSERT_TRUE(Write([](CatalogTransaction& t) { return t.AddChunk(TestChunk(1)); }).ok());
  StoredChunk elsewhere = TestChunk(1);
  elsewhere.segment = SegmentId{77};
  ASSERT_TRUE(Write([&](CatalogTransaction& t) { return t.AddChunk(elsewhere); }).ok());
  ReadAndWait(*catalog_, [](CatalogView& view) {
    EXPECT_EQ(view.FindChunk(TestChunkId(1)).value(), TestChunk(1));
  });
}

TEST_F(SqliteCatalogTest, AChunkOfAnotherLengthIsRefused) {
  ASSERT_TRUE(Write([](CatalogTransaction& t) { return t.AddChunk(TestChunk(1)); }).ok());
  StoredChunk longer = TestChunk(1);
  ++longer.length_bytes;
  EXPECT_THAT(Write([&](CatalogTransaction& t) { return t.AddChunk(longer); }),
              HasCode(absl::StatusCode::kInvalidArgument));
}

TEST_F(SqliteCatalogTest, ALeafNeedsItsChunksAndNamesTheOneThatIsMissing) {
  TestFile file = MakeTestFile(0, 3);
  file.chunks.erase(file.chunks.begin() + 1);
  const absl::Status status = Write([&](CatalogTransaction& t) { return AddTestFile(t, file); });
  EXPECT_THAT(status, HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(status.message()), HasSubstr(TestChunkId(1).hex()));
  EXPECT_FALSE(HasChunk(0)) << "a failed operation left a row";
  ExpectConsistent(*catalog_);
}

TEST_F(SqliteCatalogTest, ANodeNeedsItsChildren) {
  TestFile file = MakeTestFile(0, 1000);
  ASSERT_GT(file.nodes.size(), 2u);
  file.nodes.erase(file.nodes.begin());
  EXPECT_THAT(Write([&](CatalogTransaction& t) { return AddTestFile(t, file); }),
              HasCode(absl::StatusCode::kInvalidArgument));
  ExpectConsistent(*catalog_);
}

TEST_F(SqliteCatalogTest, AVersionNeedsItsRootAndItsSize) {
  const TestFile file = MakeTestFile(0, 3);
  const auto add_version = [&](uint64_t size) {
    return [&, size](CatalogTransaction& transaction) -> absl::Status {
      VersionRecord version = FileVersion(1, file);
      version.metadata.size = size;
      DRAY_ASSIGN_OR_RETURN(const EntryId entry, transaction.AddEntry(kTopEntry, "f"));
      return transaction.AddVersion(entry, version);
    };
  };
  EXPECT_THAT(Write(add_version(file.size)), HasCode(absl::StatusCode::kFailedPrecondition));
  ASSERT_TRUE(Write([&](CatalogTransaction& t) { return AddTestFile(t, file); }).ok());
  EXPECT_THAT(Write(add_version(file.size + 1)), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(Write(add_version(file.size)).ok());
  ExpectConsistent(*catalog_);
}

TEST_F(SqliteCatalogTest, ANestedPartThatFailsUndoesOnlyItself) {
  ASSERT_TRUE(Write([](CatalogTransaction& transaction) -> absl::Status {
                DRAY_RETURN_IF_ERROR(transaction.AddChunk(TestChunk(1)));
                EXPECT_THAT(transaction.Nested([&]() -> absl::Status {
                  DRAY_RETURN_IF_ERROR(transaction.AddChunk(TestChunk(2)));
                  return absl::AbortedError("no");
                }),
                            HasCode(absl::StatusCode::kAborted));
                return transaction.AddChunk(TestChunk(3));
              }).ok());
  EXPECT_TRUE(HasChunk(1));
  EXPECT_FALSE(HasChunk(2));
  EXPECT_TRUE(HasChunk(3));
}

TEST_F(SqliteCatalogTest, OldOperationsAreForgotten) {
  ASSERT_TRUE(Write([](CatalogTransaction& t) -> absl::Status {
                DRAY_RETURN_IF_ERROR(t.RecordOperation("old", {kTopEntry, 1, 1}, 100));
                DRAY_RETURN_IF_ERROR(t.RecordOperation("new", {kTopEntry, 1, 1}, 200));
                return t.ForgetOperations(200, 10);
              }).ok());
  ReadAndWait(*catalog_, [](CatalogView& view) {
    EXPECT_FALSE(view.FindOperation("old").value().has_value());
    EXPECT_TRUE(view.FindOperation("new", kTopEntry).value().has_value());
    EXPECT_FALSE(view.FindOperation("new", EntryId{9}).value().has_value());
  });
}

TEST_F(SqliteCatalogTest, ManyWritersShareCommitsAndAFailureIsOnesOwn) {
  std::atomic<size_t> commits{0};
  SqliteCatalogOptions options{.file = NewTestFolder() + "/catalog.db"};
  options.writes.on_commit = [&](size_t, double) { ++commits; };
  catalog_ = *OpenSqliteCatalog(options);
  constexpr int kOperations = 400;
  absl::BlockingCounter left(kOperations);
  std::atomic<int> failed{0};
  for (int i = 0; i < kOperations; ++i) {
    catalog_->Write(
        [i](CatalogTransaction& transaction) -> absl::Status {
          DRAY_RETURN_IF_ERROR(transaction.AddChunk(TestChunk(i)));
          return i % 10 == 0 ? absl::AbortedError("this one fails") : absl::OkStatus();
        },
        [&](const absl::Status& status) {
          if (!status.ok()) ++failed;
          left.DecrementCount();
        });
  }
  left.Wait();
  EXPECT_EQ(failed, kOperations / 10);
  EXPECT_LT(commits, kOperations / 2u);
  for (int i = 0; i < kOperations; ++i) EXPECT_EQ(HasChunk(i), i % 10 != 0) << i;
}

TEST_F(SqliteCatalogTest, ReadersSeeOneStateWhileTheWriterGoesOn) {
  ReadAndWait(*catalog_, [&](CatalogView& view) {
    EXPECT_FALSE(view.FindChunk(TestChunkId(5)).value().has_value());
    std::thread([&] {
      EXPECT_TRUE(Write([](CatalogTransaction& t) { return t.AddChunk(TestChunk(5)); }).ok());
    }).join();
    EXPECT_FALSE(view.FindChunk(TestChunkId(5)).value().has_value());
  });
  EXPECT_TRUE(HasChunk(5));
}

// A limit on the size of files stands for a full disk: writes fail in the middle of commits.
TEST_F(SqliteCatalogTest, AFullDiskFailsTheCommitAndTheCatalogGoesOnLater) {
  ASSERT_TRUE(Write([](CatalogTransaction& t) { return t.AddChunk(TestChunk(0)); }).ok());
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{.rlim_cur = 400 * 1024, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = Write([](CatalogTransaction& transaction) -> absl::Status {
    for (int i = 1; i < 20000; ++i) DRAY_RETURN_IF_ERROR(transaction.AddChunk(TestChunk(i)));
    return absl::OkStatus();
  });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_TRUE(status.code() == absl::StatusCode::kUnavailable ||
              status.code() == absl::StatusCode::kResourceExhausted)
      << status;
  EXPECT_TRUE(HasChunk(0));
  EXPECT_FALSE(HasChunk(1));
  EXPECT_FALSE(HasChunk(19999));
  EXPECT_TRUE(Write([](CatalogTransaction& t) { return t.AddChunk(TestChunk(1)); }).ok());
  EXPECT_TRUE(HasChunk(1));
  ExpectConsistent(*catalog_);
}

// Cost grows with the change, not with the file: 160,000 chunks are some 10 GiB.
TEST_F(SqliteCatalogTest, ASmallEditOfALargeFileWritesLittle) {
  std::vector<uint64_t> numbers(160'000);
  std::iota(numbers.begin(), numbers.end(), 0);
  const TestFile file = MakeTestFile(numbers);
  ASSERT_TRUE(Write([&](CatalogTransaction& t) { return AddTestFile(t, file); }).ok());
  catalog_.reset();  // empties the log
  catalog_ = OpenTestCatalog(file_);
  numbers[80'000] = 999'999;
  TestFile edited = MakeTestFile(numbers);
  edited.chunks = {TestChunk(999'999)};
  std::erase_if(edited.nodes, [&](const auto& node) {
    return std::any_of(file.nodes.begin(), file.nodes.end(),
                       [&](const auto& old) { return old.id == node.id; });
  });
  EXPECT_LE(edited.nodes.size(), 6u);
  ASSERT_TRUE(Write([&](CatalogTransaction& transaction) -> absl::Status {
                DRAY_RETURN_IF_ERROR(AddTestFile(transaction, edited));
                DRAY_ASSIGN_OR_RETURN(const EntryId entry, transaction.AddEntry(kTopEntry, "f"));
                return transaction.AddVersion(entry, FileVersion(1, edited));
              }).ok());
  const uint64_t log_bytes = std::filesystem::file_size(file_ + "-wal");
  RecordProperty("log_bytes", std::to_string(log_bytes));
  EXPECT_GT(log_bytes, 0u);
  EXPECT_LT(log_bytes, 256u * 1024);
}

struct Damage {
  const char* sql;
  const char* complaint;
};

class DamageTest : public SqliteCatalogTest, public testing::WithParamInterface<Damage> {};

TEST_P(DamageTest, IsFoundByTheCheck) {
  const TestFile file = MakeTestFile(0, 1000);
  ASSERT_TRUE(Write([&](CatalogTransaction& transaction) -> absl::Status {
                DRAY_RETURN_IF_ERROR(AddTestFile(transaction, file));
                DRAY_ASSIGN_OR_RETURN(const EntryId entry, transaction.AddEntry(kTopEntry, "f"));
                return transaction.AddVersion(entry, FileVersion(1, file));
              }).ok());
  ExpectConsistent(*catalog_);
  catalog_.reset();
  ASSERT_TRUE((*Database::Open(file_, Database::Mode::kReadWrite))->Execute(GetParam().sql).ok());
  catalog_ = OpenTestCatalog(file_);
  const auto report = catalog_->CheckConsistency();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->problems, testing::Contains(HasSubstr(GetParam().complaint)));
}

INSTANTIATE_TEST_SUITE_P(
    All, DamageTest,
    testing::Values(Damage{"DELETE FROM chunks WHERE num=5", "does not exist"},
                    Damage{"UPDATE chunks SET length=length+1 WHERE num=5", "another length"},
                    Damage{"UPDATE chunks SET refs=refs+1 WHERE num=5", "references on record"},
                    Damage{"DELETE FROM nodes WHERE num=1", "does not exist"},
                    Damage{"UPDATE nodes SET refs=0 WHERE num=1", "references on record"},
                    Damage{"UPDATE encodings SET encoding=x'00' WHERE node=1", "another id"},
                    Damage{"UPDATE versions SET size=size+1 WHERE entry=2", "not its root's"},
                    Damage{"UPDATE entries SET head=2 WHERE id=2", "newest version"},
                    Damage{"UPDATE entries SET parent=99 WHERE id=2", "lies in no folder"},
                    Damage{"INSERT INTO entries VALUES(3, 2, x'67', 1, 0); INSERT INTO versions "
                           "VALUES(3, 1, 2, NULL, 0, 0, 0, '', 0, x'', x'', 0, 0)",
                           "no folder"},
                    Damage{"UPDATE versions SET mode=mode+1 WHERE entry=2",
                           "version 1 of :/f has a record that is not what was written"},
                    Damage{"UPDATE versions SET mtime_ns=mtime_ns+1 WHERE entry=2", "version 1"},
                    Damage{"UPDATE versions SET symlink_target=x'61' WHERE entry=2", "version 1"},
                    Damage{"UPDATE versions SET author='him' WHERE entry=2", "version 1"},
                    Damage{"UPDATE versions SET committed_ns=77 WHERE entry=2", "version 1"},
                    Damage{"UPDATE versions SET md5=x'61' WHERE entry=2", "version 1"},
                    Damage{"UPDATE entries SET name=x'67' WHERE id=2",
                           ":/g has a name, a folder or a newest version"}));

// A damaged record is not read, and no change makes it look sound.
TEST_F(SqliteCatalogTest, DamagedRecordsAreRefusedByName) {
  const TestFile file = MakeTestFile(0, 3);
  ASSERT_TRUE(Write([&](CatalogTransaction& transaction) -> absl::Status {
                DRAY_RETURN_IF_ERROR(AddTestFile(transaction, file));
                for (const char* name : {"f", "g", "h"}) {
                  DRAY_ASSIGN_OR_RETURN(const EntryId entry, transaction.AddEntry(kTopEntry, name));
                  DRAY_RETURN_IF_ERROR(transaction.AddVersion(entry, FileVersion(1, file)));
                }
                return absl::OkStatus();
              }).ok());
  catalog_.reset();
  ASSERT_TRUE((*Database::Open(file_, Database::Mode::kReadWrite))
                  ->Execute("UPDATE versions SET mode=mode+1 WHERE entry=2; "
                            "UPDATE entries SET name=x'7a' WHERE id=3")
                  .ok());
  catalog_ = OpenTestCatalog(file_);
  const auto is_named = [](const absl::Status& status, const char* what) {
    EXPECT_THAT(status, HasCode(absl::StatusCode::kDataLoss));
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  };
  ReadAndWait(*catalog_, [&](CatalogView& view) {
    is_named(view.FindEntry(kTopEntry, "f").status(), "version 1 of :/f");
    is_named(view.FindVersion(EntryId{2}, 1).status(), "version 1 of :/f");
    is_named(view.VisitVersions(EntryId{2}, 9, [](VersionRecord) { return true; }),
             "version 1 of :/f");
    is_named(view.FindEntry(EntryId{3}).status(), "the name :/z");
    is_named(view.VisitChildren(kTopEntry, "", [](EntryRecord) { return true; }), "");
    EXPECT_TRUE(view.FindEntry(kTopEntry, "h").value().has_value());
  });
  is_named(Write([&](CatalogTransaction& transaction) {
             return transaction.AddVersion(EntryId{3}, FileVersion(2, file));
           }),
           "the name :/z");
  is_named(Write([&](CatalogTransaction& transaction) {
             return transaction.MoveEntry(EntryId{3}, kTopEntry, "new", 5);
           }),
           "the name :/z");
  ASSERT_TRUE(Write([&](CatalogTransaction& transaction) {
                return transaction.SetMd5(*FileVersion(1, file).root, std::string(16, 'm'));
              }).ok());
  ReadAndWait(*catalog_, [&](CatalogView& view) {
    is_named(view.FindVersion(EntryId{2}, 1).status(), "version 1 of :/f");
    EXPECT_EQ(view.FindEntry(kTopEntry, "h").value()->head.md5, std::string(16, 'm'));
  });
}

}  // namespace
}  // namespace dray::delta
