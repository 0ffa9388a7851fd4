// What was there at a time: listings, names and versions of then.
#include <map>
#include <random>

#include "services/delta/engine/changes.h"
#include "services/delta/engine/commit.h"
#include "services/delta/engine/listing.h"
#include "services/delta/engine/resolution.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// Paths, and what they lead to: the target of a link, "/" for a folder.
using Tree = std::map<std::string, std::string>;

class PastTest : public testing::Test {
 protected:
  ~PastTest() override { ExpectConsistent(*catalog_); }

  // Each change is at a time of its own.
  absl::Status Change(absl::FunctionRef<absl::Status(NameWriter&)> change) {
    now_ns_ += 10;
    return WriteAndWait(*catalog_, [&](CatalogTransaction& transaction) {
      NameWriter writer(transaction, now_ns_, "tester");
      return change(writer);
    });
  }
  absl::Status Link(const std::string& path, const std::string& target) {
    return Change([&](NameWriter& writer) {
      CommitArguments arguments{.path = path};
      arguments.metadata = {.kind = EntryKind::kSymlink, .symlink_target = target};
      return CommitEntry(writer, arguments).status();
    });
  }
  absl::Status Delete(const std::string& path) {
    return Change([&](NameWriter& writer) {
      return DeletePath(writer, path, true, "", ChangeId{++change_}).status();
    });
  }
  absl::Status Restore(const std::string& path, uint64_t number = 0) {
    return Change(
        [&](NameWriter& writer) { return RestorePath(writer, path, number, "").status(); });
  }
  absl::Status Move(const std::string& from, const std::string& to) {
    return Change([&](NameWriter& writer) {
      return MovePath(writer, from, to, "", ChangeId{++change_}).status();
    });
  }

  // What a recursive listing tells, message by message, each from a view of its own.
  absl::StatusOr<Tree> List(const std::string& path, Moment at = 0) {
    ListSource source(path, true, at);
    Tree tree;
    for (absl::StatusOr<bool> more = true; *more;) {
      std::vector<v1::VersionsResponse> messages;
      ReadAndWait(*catalog_, [&](CatalogView& view) { more = source.Next(view, &messages); });
      if (!more.ok()) return more.status();
      for (const auto& message : messages) {
        EXPECT_EQ(message.at_ns(), at);
        for (const auto& version : message.versions()) {
          const bool folder = version.metadata().kind() == wire::v1::FOLDER;
          EXPECT_TRUE(
              tree.emplace(version.path(), folder ? "/" : version.metadata().symlink_target())
                  .second)
              << version.path() << " was told twice";
        }
      }
    }
    return tree;
  }
  absl::StatusOr<VersionRecord> Find(const std::string& path, uint64_t number, Moment at) {
    absl::StatusOr<VersionRecord> version = absl::UnknownError("did not run");
    ReadAndWait(*catalog_,
                [&](CatalogView& view) { version = FindNumberedVersion(view, path, number, at); });
    return version;
  }

  const std::string file_ = NewTestFolder() + "/catalog.db";
  std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(file_);
  int64_t now_ns_ = 1'000'000;
  uint64_t change_ = 0;
};

TEST_F(PastTest, AnOldTimeShowsTheVersionsOfThen) {
  ASSERT_TRUE(Link("a/b", "1").ok());
  const Moment first = now_ns_;
  ASSERT_TRUE(Link("a/b", "2").ok());
  ASSERT_TRUE(Link("a/c", "new").ok());
  EXPECT_THAT(*List("a", first), ElementsAre(Pair("a/b", "1")));
  EXPECT_EQ(Find("a/b", 0, first)->number, 1u);
  EXPECT_THAT(List("a", first - 1).status(), HasCode(absl::StatusCode::kNotFound));
  EXPECT_THAT(*List("", first - 1), IsEmpty());
}

TEST_F(PastTest, WhatWasDeletedSinceIsThere) {
  ASSERT_TRUE(Link("a/b", "1").ok());
  const Moment then = now_ns_;
  ASSERT_TRUE(Delete("a").ok());
  const Moment gone = now_ns_;
  ASSERT_TRUE(Restore("a").ok());
  EXPECT_THAT(*List("", then), ElementsAre(Pair("a", "/"), Pair("a/b", "1")));
  EXPECT_THAT(*List("", gone), IsEmpty());
  EXPECT_THAT(Find("a/b", 0, gone).status(), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(PastTest, WhatWasMovedSinceHasItsNameOfThen) {
  ASSERT_TRUE(Link("a/b", "1").ok());
  const Moment then = now_ns_;
  ASSERT_TRUE(Move("a", "x/y").ok());
  const Moment moved = now_ns_;
  ASSERT_TRUE(Link("a/b", "another").ok());
  ASSERT_TRUE(Link("x/y/b", "2").ok());
  EXPECT_THAT(*List("", then), ElementsAre(Pair("a", "/"), Pair("a/b", "1")));
  EXPECT_THAT(*List("", moved), ElementsAre(Pair("x", "/"), Pair("x/y", "/"), Pair("x/y/b", "1")));
  EXPECT_EQ(Find("a/b", 0, then)->metadata.symlink_target, "1");
  EXPECT_EQ(Find("a/b", 2, then)->metadata.symlink_target, "2") << "a version since, by that name";
  EXPECT_THAT(Find("a/b", 0, moved).status(), HasCode(absl::StatusCode::kNotFound));
}

TEST_F(PastTest, ThereAndBackIsKnownEachTime) {
  ASSERT_TRUE(Link("a", "1").ok());
  std::vector<std::pair<Moment, std::string>> names = {{now_ns_, "a"}};
  for (const auto& [from, to] : {std::pair("a", "b"), {"b", "a"}, {"a", "b"}, {"b", "c"}}) {
    ASSERT_TRUE(Move(from, to).ok());
    names.emplace_back(now_ns_, to);
  }
  for (const auto& [at, name] : names) EXPECT_THAT(*List("", at), ElementsAre(Pair(name, "1")));
}

TEST_F(PastTest, AClockThatJumpsBackTellsNoNameTwice) {
  ASSERT_TRUE(Link("a", "1").ok());
  ASSERT_TRUE(Move("a", "b").ok());
  const Moment before_the_move = now_ns_ - 1;
  now_ns_ -= 1000;
  ASSERT_TRUE(Link("a", "2").ok());
  EXPECT_EQ(List("", before_the_move)->size(), 1u);
  EXPECT_EQ(List("", 1'000'009)->size(), 1u);
}

// Lists what many messages are needed for; in between, all of it changes.
TEST_F(PastTest, AListingIsOfOneTimeWhateverHappensMeanwhile) {
  constexpr int kMany = 2500;
  ASSERT_TRUE(Change([&](NameWriter& writer) -> absl::Status {
                for (int i = 0; i < kMany; ++i) {
                  CommitArguments arguments{.path = absl::StrCat("many/", i % 5, "/", i)};
                  arguments.metadata = {.kind = EntryKind::kSymlink, .symlink_target = "x"};
                  DRAY_RETURN_IF_ERROR(CommitEntry(writer, arguments).status());
                }
                return absl::OkStatus();
              }).ok());
  const Moment at = now_ns_;
  ListSource source("many", true, at);
  size_t told = 0;
  int changes = 0;
  for (absl::StatusOr<bool> more = true; *more;) {
    std::vector<v1::VersionsResponse> messages;
    ReadAndWait(*catalog_, [&](CatalogView& view) { more = source.Next(view, &messages); });
    ASSERT_TRUE(more.ok()) << more.status();
    for (const auto& message : messages) told += message.versions_size();
    ASSERT_TRUE(Link("many/3/new", absl::StrCat(changes)).ok());
    ASSERT_TRUE(Delete("many/4").ok() || changes > 0);
    ASSERT_TRUE(Move("many/2", "many/9").ok() || changes > 0);
    ++changes;
  }
  EXPECT_GT(changes, 1);
  EXPECT_EQ(told, kMany + 5u);
}

// Random changes of a small tree, and what was there after each.
class RandomPastTest : public PastTest {
 protected:
  uint32_t Pick(uint32_t below) { return random_() % below; }
  std::string Path() {
    std::string path(1, static_cast<char>('a' + Pick(3)));
    for (uint32_t depth = Pick(3); depth > 0; --depth) {
      path += '/';
      path += static_cast<char>('a' + Pick(3));
    }
    return path;
  }
  void ChangeMuch() {
    int done = 0;
    for (int step = 0; step < 1500; ++step) {
      absl::Status status;
      switch (Pick(8)) {
        case 0:
          status = Delete(Path());
          break;
        case 1:
          status = Restore(Path(), Pick(3));
          break;
        case 2:
        case 3:
          status = Move(Path(), Path());
          break;
        default:
          status = Link(Path(), absl::StrCat(step));
      }
      if (status.ok()) ++done;
      known_[now_ns_] = List("").value();
    }
    EXPECT_GT(done, 500);
  }
  // Drops about half of the old versions, and what can be removed whole.
  void DropMuch() {
    const absl::Status dropped =
        WriteAndWait(*catalog_, [&](CatalogTransaction& transaction) -> absl::Status {
          DRAY_ASSIGN_OR_RETURN(const auto found,
                                transaction.FindWithPast(EntryId{int64_t{1} << 60}, 100'000));
          for (const EntryId entry : found.entries) {
            DRAY_ASSIGN_OR_RETURN(const auto record, transaction.FindEntry(entry));
            const uint64_t head = record.value().head.number;
            const uint64_t left = 1 + Pick(static_cast<uint32_t>(head));
            for (uint64_t number = 1; number < left; ++number) {
              DRAY_RETURN_IF_ERROR(transaction.DropVersion(entry, number));
              ++dropped_;
            }
            if (left < head || !record.value().head.deleted()) continue;
            DRAY_ASSIGN_OR_RETURN(const bool removed, transaction.RemoveEntry(entry));
            removed_ += removed ? 1 : 0;
          }
          return absl::OkStatus();
        });
    EXPECT_TRUE(dropped.ok()) << dropped;
  }

  std::mt19937 random_{20261124};
  std::map<Moment, Tree> known_;
  int dropped_ = 0;
  int removed_ = 0;
};

TEST_F(RandomPastTest, EveryTimeIsRememberedAsItWas) {
  ChangeMuch();
  for (const auto& [at, tree] : known_) {
    ASSERT_EQ(List("", at).value(), tree) << "at " << at;
    const std::string name = Path();
    const auto found = Find(name, 0, at);
    ASSERT_EQ(found.ok(), tree.contains(name)) << name << " at " << at;
    if (found.ok() && !found->folder()) {
      ASSERT_EQ(found->metadata.symlink_target, tree.at(name));
    }
  }
}

// What is still told of a time was there then, where it is told to have been.
TEST_F(RandomPastTest, WhatIsDroppedIsMissingAndNothingElseIsInItsPlace) {
  ChangeMuch();
  DropMuch();
  EXPECT_GT(dropped_, 100);
  EXPECT_GT(removed_, 0);
  EXPECT_EQ(List("").value(), known_.rbegin()->second) << "what is there now stays";
  size_t told = 0, missing = 0;
  for (const auto& [at, tree] : known_) {
    const Tree left = List("", at).value();
    for (const auto& [path, target] : left) {
      ASSERT_TRUE(tree.contains(path)) << path << " at " << at;
      ASSERT_EQ(tree.at(path), target) << path << " at " << at;
    }
    told += left.size();
    missing += tree.size() - left.size();
  }
  EXPECT_GT(told, 0u);
  EXPECT_GT(missing, 0u);
}

}  // namespace
}  // namespace dray::delta
