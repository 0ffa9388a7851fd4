#include "services/delta/collection/retention.h"

#include <algorithm>
#include <map>
#include <optional>

#include "core/database/database.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;

constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kStart = 1'700'000'000'000'000'000;

class RetentionTest : public testing::Test {
 protected:
  RetentionTest() { Restart(); }
  ~RetentionTest() override { ExpectConsistent(*catalog_); }

  // A pass that begins to know the clocks now.
  void Restart(absl::Duration job_time = absl::Milliseconds(4), size_t entries_at_once = 256) {
    pass_.emplace(RetentionPass::Options{.now = [this] { return now_ns_; },
                                         .steady_ns = [this] { return steady_ns_; },
                                         .entries_at_once = entries_at_once,
                                         .job_time = job_time});
  }
  void Pass(int64_t span_ns) {
    now_ns_ += span_ns;
    steady_ns_ += span_ns;
  }

  void Change(absl::FunctionRef<absl::Status(CatalogTransaction&)> change) {
    const absl::Status status = WriteAndWait(*catalog_, change);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Set(const std::string& prefix, uint64_t keep_last, int64_t keep_ns) {
    Change([&](CatalogTransaction& transaction) {
      return transaction.SetRetention({prefix, keep_last, keep_ns});
    });
  }
  EntryId Make(EntryId parent, const std::string& name, EntryKind kind) {
    EntryId entry{0};
    Change([&](CatalogTransaction& transaction) -> absl::Status {
      DRAY_ASSIGN_OR_RETURN(entry, transaction.AddEntry(parent, name));
      heads_[entry] = 0;
      return Append(transaction, entry, kind);
    });
    return entry;
  }
  EntryId Folder(EntryId parent, const std::string& name) {
    return Make(parent, name, EntryKind::kFolder);
  }
  // With one version, of contents of its own.
  EntryId File(EntryId parent, const std::string& name) {
    return Make(parent, name, EntryKind::kFile);
  }
  void Add(EntryId entry, EntryKind kind = EntryKind::kFile) {
    Change([&](CatalogTransaction& transaction) { return Append(transaction, entry, kind); });
  }
  // The last entry keeps its id for ever: what is to go must not be it.
  void Last() { Folder(kTopEntry, absl::StrCat("last", heads_.size())); }

  RetentionPass::Dropped Run() {
    const auto dropped = pass_->Run(*catalog_, [] { return false; });
    EXPECT_TRUE(dropped.ok()) << dropped.status();
    return dropped.value_or(RetentionPass::Dropped());
  }
  // The numbers of an entry's versions, newest first.
  std::vector<uint64_t> Versions(EntryId entry) {
    std::vector<uint64_t> numbers;
    ReadAndWait(*catalog_, [&](CatalogView& view) {
      const absl::Status status = view.VisitVersions(entry, 1000, [&](VersionRecord version) {
        numbers.push_back(version.number);
        return true;
      });
      EXPECT_TRUE(status.ok()) << status;
    });
    return numbers;
  }
  bool Exists(EntryId entry) {
    bool exists = false;
    ReadAndWait(*catalog_,
                [&](CatalogView& view) { exists = view.FindEntry(entry).value().has_value(); });
    return exists;
  }
  absl::Status Damage(const char* sql) {
    DRAY_ASSIGN_OR_RETURN(auto database, Database::Open(file_, Database::Mode::kReadWrite));
    return database->Execute(sql);
  }

  const std::string file_ = NewTestFolder() + "/catalog.db";
  std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(file_);
  std::optional<RetentionPass> pass_;
  int64_t now_ns_ = kStart;
  int64_t steady_ns_ = 5;

 private:
  absl::Status Append(CatalogTransaction& transaction, EntryId entry, EntryKind kind) {
    committed_ns_[entry] = std::max(now_ns_, committed_ns_[entry] + 1);
    VersionRecord version{.number = ++heads_[entry], .committed_ns = committed_ns_[entry]};
    version.metadata.kind = kind;
    if (kind == EntryKind::kFile) {
      const TestFile file = MakeTestFile(++contents_ * 100, 3);
      DRAY_RETURN_IF_ERROR(AddTestFile(transaction, file));
      version.root = file.root;
      version.metadata.size = file.size;
    }
    return transaction.AddVersion(entry, version);
  }

  std::map<EntryId, uint64_t> heads_;
  std::map<EntryId, int64_t> committed_ns_;
  uint64_t contents_ = 0;
};

TEST_F(RetentionTest, WithoutARuleEverythingIsKept) {
  const EntryId file = File(kTopEntry, "file");
  for (int i = 0; i < 5; ++i) Add(file);
  Pass(1000 * kDay);
  EXPECT_EQ(Run().versions, 0u);
  EXPECT_EQ(Versions(file).size(), 6u);
}

TEST_F(RetentionTest, KeepsTheNewestByCount) {
  const EntryId file = File(kTopEntry, "file");
  for (int i = 0; i < 5; ++i) Add(file);
  Set("", 2, 0);
  EXPECT_EQ(Run().versions, 4u);
  EXPECT_THAT(Versions(file), ElementsAre(6, 5));
  EXPECT_EQ(Run().versions, 0u);
  Add(file);
  EXPECT_EQ(Run().versions, 1u);
  EXPECT_THAT(Versions(file), ElementsAre(7, 6)) << "numbers go on";
}

TEST_F(RetentionTest, KeepsByHowLongAgoItWasReplaced) {
  const EntryId file = File(kTopEntry, "file");
  Pass(10 * kDay);
  Add(file);  // version 1 is replaced now
  Pass(2 * kDay);
  Add(file);
  Set("", 0, 3 * kDay);
  Pass(kDay);
  EXPECT_EQ(Run().versions, 0u) << "replaced 3 days ago, not longer";
  Pass(1);
  EXPECT_EQ(Run().versions, 1u);
  EXPECT_THAT(Versions(file), ElementsAre(3, 2));
  Pass(1000 * kDay);
  EXPECT_EQ(Run().versions, 1u);
  EXPECT_THAT(Versions(file), ElementsAre(3)) << "what is there stays, however old";
}

TEST_F(RetentionTest, GoesOnlyBeyondEveryBound) {
  const EntryId file = File(kTopEntry, "file");
  for (int i = 0; i < 3; ++i) Add(file);
  Set("", 2, 3 * kDay);
  Pass(2 * kDay);
  EXPECT_EQ(Run().versions, 0u);
  Pass(2 * kDay);
  EXPECT_EQ(Run().versions, 2u);
  EXPECT_THAT(Versions(file), ElementsAre(4, 3));
}

TEST_F(RetentionTest, TheLongestPrefixDecidesByWholeNames) {
  const EntryId a = Folder(kTopEntry, "a");
  const EntryId in_a = File(a, "file");
  const EntryId ab = Folder(kTopEntry, "ab");
  const EntryId in_ab = File(ab, "file");
  const EntryId deep = File(Folder(a, "b"), "file");
  for (const EntryId file : {in_a, in_ab, deep}) {
    for (int i = 0; i < 5; ++i) Add(file);
  }
  Set("", 4, 0);
  Set("a", 3, 0);
  Set("a/b/file", 1, 0);
  Set("a/bc", 2, 0);
  Run();
  EXPECT_EQ(Versions(in_ab).size(), 4u);
  EXPECT_EQ(Versions(in_a).size(), 3u);
  EXPECT_EQ(Versions(deep).size(), 1u);
}

TEST_F(RetentionTest, ARuleThatIsRemovedNoLongerCounts) {
  const EntryId file = File(kTopEntry, "file");
  Add(file);
  Set("", 1, 0);
  Change([](CatalogTransaction& transaction) { return transaction.RemoveRetention(""); });
  EXPECT_EQ(Run().versions, 0u);
}

TEST_F(RetentionTest, TheSameContentsUnderAnotherNameStayCounted) {
  const EntryId file = File(kTopEntry, "file");
  Change([&](CatalogTransaction& transaction) -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(const auto version, transaction.FindVersion(file, 1));
    DRAY_ASSIGN_OR_RETURN(const EntryId copy, transaction.AddEntry(kTopEntry, "copy"));
    return transaction.AddVersion(copy, *version);
  });
  Add(file);
  Set("", 1, 0);
  EXPECT_EQ(Run().versions, 1u);
  ExpectConsistent(*catalog_);
}

TEST_F(RetentionTest, ADeletedFileGoesWholeWhenNothingElseIsLeft) {
  const EntryId file = File(kTopEntry, "file");
  Add(file, EntryKind::kDeleted);
  Last();
  Set("", 2, 0);
  Run();
  EXPECT_TRUE(Exists(file)) << "both of its versions are kept";
  Set("", 1, 0);
  const auto dropped = Run();
  EXPECT_EQ(dropped.versions, 1u);
  EXPECT_EQ(dropped.entries, 1u);
  EXPECT_FALSE(Exists(file));
}

TEST_F(RetentionTest, ADeletionIsKeptForAsLongAsVersionsAre) {
  const EntryId file = File(kTopEntry, "file");
  Pass(kDay);
  Add(file, EntryKind::kDeleted);
  Last();
  Set("", 1, 3 * kDay);
  Pass(3 * kDay);
  Run();
  EXPECT_THAT(Versions(file), ElementsAre(2, 1));
  Pass(1);
  EXPECT_EQ(Run().entries, 1u);
  EXPECT_FALSE(Exists(file));
}

TEST_F(RetentionTest, AFolderGoesAfterWhatLiesInIt) {
  const EntryId folder = Folder(kTopEntry, "folder");
  const EntryId file = File(folder, "file");
  const EntryId kept = File(folder, "kept");
  for (const EntryId entry : {file, kept, folder}) Add(entry, EntryKind::kDeleted);
  Last();
  Set("", 1, 0);
  Set("folder/kept", 2, 0);
  EXPECT_EQ(Run().entries, 1u);
  EXPECT_FALSE(Exists(file));
  EXPECT_TRUE(Exists(folder)) << "something lies beneath it";
  Set("folder/kept", 1, 0);
  EXPECT_EQ(Run().entries, 2u);
  EXPECT_FALSE(Exists(folder));
}

TEST_F(RetentionTest, AFolderStaysWhileSomethingLayInIt) {
  const EntryId folder = Folder(kTopEntry, "folder");
  const EntryId file = File(folder, "file");
  Pass(kDay);
  Change([&](CatalogTransaction& transaction) {
    return transaction.MoveEntry(file, kTopEntry, "moved", now_ns_);
  });
  Add(folder, EntryKind::kDeleted);
  Last();
  Set("", 1, 0);
  Run();
  EXPECT_TRUE(Exists(folder)) << "the file's version was made there";
  Pass(1);
  Add(file);
  EXPECT_EQ(Run().entries, 1u);
  EXPECT_FALSE(Exists(folder));
}

TEST_F(RetentionTest, NoIdIsGivenTwice) {
  const EntryId file = File(kTopEntry, "file");
  Add(file, EntryKind::kDeleted);
  Set("", 1, 0);
  EXPECT_EQ(Run().entries, 0u);
  const EntryId other = File(kTopEntry, "other");
  EXPECT_NE(other, file);
  EXPECT_EQ(Run().entries, 1u);
}

TEST_F(RetentionTest, AClockThatRanAheadDropsNothingByAge) {
  const EntryId by_age = File(Folder(kTopEntry, "age"), "file");
  const EntryId by_both = File(Folder(kTopEntry, "both"), "file");
  const EntryId by_count = File(Folder(kTopEntry, "count"), "file");
  for (const EntryId file : {by_age, by_both, by_count}) Add(file);
  Set("age", 0, kDay);
  Set("both", 1, kDay);
  Set("count", 1, 0);
  now_ns_ += 400 * kDay;
  steady_ns_ += kHour;
  Run();
  EXPECT_EQ(Versions(by_age).size(), 2u);
  EXPECT_EQ(Versions(by_both).size(), 2u);
  EXPECT_EQ(Versions(by_count).size(), 1u);
  now_ns_ -= 400 * kDay;
  now_ns_ += 2 * kHour;  // within an hour of the other one
  Run();
  EXPECT_EQ(Versions(by_age).size(), 2u) << "not a day ago";
  Pass(kDay);
  EXPECT_EQ(Run().versions, 2u) << "the clocks agree again";
}

TEST_F(RetentionTest, ARestartTakesTheClockAsItIs) {
  const EntryId file = File(kTopEntry, "file");
  Add(file);
  Set("", 0, kDay);
  now_ns_ += 400 * kDay;
  EXPECT_EQ(Run().versions, 0u);
  Restart();
  EXPECT_EQ(Run().versions, 1u);
  EXPECT_EQ(Versions(file).size(), 1u);
}

TEST_F(RetentionTest, SmallStepsDoTheSame) {
  Restart(absl::ZeroDuration(), 3);
  std::vector<EntryId> files;
  const EntryId folder = Folder(kTopEntry, "folder");
  for (int i = 0; i < 10; ++i) {
    files.push_back(File(folder, absl::StrCat(i)));
    for (int k = 0; k < i; ++k) Add(files.back());
  }
  Last();
  Set("", 3, 0);
  EXPECT_EQ(Run().versions, 28u);
  for (size_t i = 2; i < files.size(); ++i) EXPECT_EQ(Versions(files[i]).size(), 3u);
}

TEST_F(RetentionTest, EndsBetweenJobsWhenItIsTold) {
  Restart(absl::ZeroDuration());
  const EntryId file = File(kTopEntry, "file");
  for (int i = 0; i < 20; ++i) Add(file);
  Set("", 1, 0);
  int asked = 0;
  const auto dropped = pass_->Run(*catalog_, [&] { return ++asked > 5; });
  ASSERT_TRUE(dropped.ok());
  EXPECT_GT(dropped->versions, 0u);
  EXPECT_LT(dropped->versions, 20u);
  EXPECT_EQ(Versions(file).size(), 21 - dropped->versions);
}

TEST_F(RetentionTest, ADamagedVersionIsLeftAloneAndTheOthersAreNot) {
  const EntryId damaged = File(kTopEntry, "damaged");
  const EntryId file = File(kTopEntry, "file");
  for (const EntryId entry : {damaged, file}) Add(entry);
  Set("", 1, 0);
  catalog_.reset();
  ASSERT_TRUE(Damage("UPDATE versions SET mtime_ns=mtime_ns+1 WHERE entry=2 AND number=1").ok());
  catalog_ = OpenTestCatalog(file_);
  const auto dropped = Run();
  EXPECT_EQ(dropped.versions, 1u);
  EXPECT_EQ(dropped.damaged, 1u);
  EXPECT_EQ(Versions(file).size(), 1u);
  catalog_.reset();
  ASSERT_TRUE(Damage("UPDATE versions SET mtime_ns=mtime_ns-1 WHERE entry=2 AND number=1").ok());
  catalog_ = OpenTestCatalog(file_);
}

TEST_F(RetentionTest, ADamagedRuleDropsNothing) {
  const EntryId file = File(kTopEntry, "file");
  Add(file);
  Set("", 2, 0);
  catalog_.reset();
  ASSERT_TRUE(Damage("UPDATE retentions SET keep_last=1").ok());
  catalog_ = OpenTestCatalog(file_);
  const auto dropped = pass_->Run(*catalog_, [] { return false; });
  EXPECT_THAT(dropped.status(), HasCode(absl::StatusCode::kDataLoss));
  EXPECT_EQ(Versions(file).size(), 2u);
  EXPECT_EQ(catalog_->CheckConsistency()->problem_count, 1u);
  Set("", 1, 0);
  EXPECT_EQ(Run().versions, 1u);
}

TEST_F(RetentionTest, OnlyTheOldestVersionAndADeletionAloneCanBeDropped) {
  const EntryId file = File(kTopEntry, "file");
  Add(file);
  const auto drop = [&](uint64_t number) {
    return WriteAndWait(*catalog_, [&](CatalogTransaction& transaction) {
      return transaction.DropVersion(file, number);
    });
  };
  const auto remove = [&] {
    return WriteAndWait(*catalog_, [&](CatalogTransaction& transaction) {
      return transaction.RemoveEntry(file).status();
    });
  };
  EXPECT_THAT(drop(2), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(remove(), HasCode(absl::StatusCode::kFailedPrecondition));
  Add(file, EntryKind::kDeleted);
  EXPECT_THAT(drop(2), HasCode(absl::StatusCode::kFailedPrecondition)) << "not the oldest";
  EXPECT_THAT(remove(), HasCode(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(drop(1).ok());
  EXPECT_TRUE(drop(2).ok());
  EXPECT_THAT(drop(3), HasCode(absl::StatusCode::kFailedPrecondition)) << "the newest";
  EXPECT_THAT(Versions(file), ElementsAre(3));
}

TEST_F(RetentionTest, OnlySoManyRulesAreKept) {
  for (size_t i = 0; i < kMaxRetentions; ++i) Set(absl::StrCat(i), 1, 0);
  EXPECT_THAT(WriteAndWait(*catalog_,
                           [](CatalogTransaction& transaction) {
                             return transaction.SetRetention({"one more", 1, 0});
                           }),
              HasCode(absl::StatusCode::kResourceExhausted));
  Set("0", 2, 0);
  std::vector<Retention> rules;
  ReadAndWait(*catalog_, [&](CatalogView& view) { rules = view.FindRetentions().value(); });
  EXPECT_EQ(rules.size(), kMaxRetentions);
  EXPECT_EQ(rules.front(), (Retention{"0", 2, 0}));
}

}  // namespace
}  // namespace dray::delta
