#include "services/delta/catalog/schema.h"

#include <gtest/gtest.h>

#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

std::unique_ptr<Database> Open(const std::string& file) {
  auto database = Database::Open(file, Database::Mode::kReadWrite);
  EXPECT_TRUE(database.ok()) << database.status();
  return *std::move(database);
}

TEST(SchemaTest, ANewFileGetsTheNewestSchema) {
  auto database = Open(NewTestFolder() + "/catalog.db");
  ASSERT_TRUE(Migrate(*database, NewestSchema()).ok());
  EXPECT_EQ(*database->SelectInteger("PRAGMA user_version"), NewestSchema());
  EXPECT_EQ(*database->SelectInteger("SELECT count(*) FROM operations"), 0);
}

TEST(SchemaTest, AVersionOneFileKeepsItsRowsAndLearnsOperations) {
  const std::string file = NewTestFolder() + "/catalog.db";
  {
    auto database = Open(file);
    ASSERT_TRUE(Migrate(*database, 1).ok());
    ASSERT_TRUE(database
                    ->Execute("INSERT INTO entries VALUES(2, 1, x'61', 1);"
                              "INSERT INTO versions VALUES(2, 1, 3, NULL, 0, 511, 7, 'me', 8, "
                              "x'62', x'', 0);")
                    .ok());
    ASSERT_FALSE(database->SelectInteger("SELECT count(*) FROM operations").ok());
  }
  auto catalog = OpenTestCatalog(file);
  ReadAndWait(*catalog, [](CatalogView& view) {
    const auto entry = view.FindEntry(kTopEntry, "a");
    ASSERT_TRUE(entry.ok() && entry->has_value()) << entry.status();
    EXPECT_EQ((*entry)->head.metadata.symlink_target, "b");
    EXPECT_EQ((*entry)->head.author, "me");
  });
  EXPECT_TRUE(WriteAndWait(*catalog, [](CatalogTransaction& transaction) {
                return transaction.RecordOperation("0123456789abcdef", {EntryId{2}, 1, 1}, 5);
              }).ok());
  ExpectConsistent(*catalog);
}

TEST(SchemaTest, AVersionTwoFileLearnsWhichVersionsHaveNoMd5) {
  const std::string file = NewTestFolder() + "/catalog.db";
  {
    auto database = Open(file);
    ASSERT_TRUE(Migrate(*database, 2).ok());
    ASSERT_TRUE(database
                    ->Execute("INSERT INTO entries VALUES(2, 1, x'61', 1);"
                              "INSERT INTO versions VALUES(2, 1, 1, x'72', 0, 420, 7, 'me', 8, "
                              "x'', x'', 0);")
                    .ok());
  }
  auto catalog = OpenTestCatalog(file);
  ReadAndWait(*catalog, [](CatalogView& view) {
    const auto found = view.FindWithoutMd5("", 10);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->size(), 1u);
    EXPECT_EQ((*found)[0].entry, EntryId{2});
  });
}

TEST(SchemaTest, AVersionThreeFileGetsChecksumsForWhatItHolds) {
  const std::string file = NewTestFolder() + "/catalog.db";
  {
    auto database = Open(file);
    ASSERT_TRUE(Migrate(*database, 3).ok());
    ASSERT_TRUE(database
                    ->Execute("INSERT INTO entries VALUES(2, 1, x'61', 2);"
                              "INSERT INTO versions VALUES(2, 1, 3, NULL, 0, 511, 7, 'me', 8, "
                              "x'62', x'', 0);"
                              "INSERT INTO versions VALUES(2, 2, 4, NULL, 0, 0, 0, 'me', 9, "
                              "x'', x'', 5);")
                    .ok());
  }
  {
    auto catalog = OpenTestCatalog(file);
    ReadAndWait(*catalog, [](CatalogView& view) {
      EXPECT_EQ(view.FindEntry(EntryId{2}).value()->head.number, 2u);
      EXPECT_EQ(view.FindVersion(EntryId{2}, 1).value()->metadata.symlink_target, "b");
      EXPECT_TRUE(view.FindEntry(kTopEntry).value().has_value());
    });
    ExpectConsistent(*catalog);
  }
  ASSERT_TRUE(Open(file)->Execute("UPDATE versions SET mtime_ns=6 WHERE number=1").ok());
  auto catalog = OpenTestCatalog(file);
  ReadAndWait(*catalog, [](CatalogView& view) {
    EXPECT_EQ(view.FindVersion(EntryId{2}, 1).status().code(), absl::StatusCode::kDataLoss);
    EXPECT_TRUE(view.FindVersion(EntryId{2}, 2).ok());
  });
}

TEST(SchemaTest, ANewerSchemaIsRefusedWithWhatToDo) {
  const std::string file = NewTestFolder() + "/catalog.db";
  ASSERT_TRUE(Open(file)->Execute("PRAGMA user_version=1000").ok());
  const absl::Status status = Migrate(*Open(file), NewestSchema());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(std::string(status.message()).find("schema 1000"), std::string::npos) << status;
  EXPECT_EQ(*Open(file)->SelectInteger("PRAGMA user_version"), 1000);
}

TEST(SchemaTest, AMigrationThatFailsLeavesNothing) {
  auto database = Open(NewTestFolder() + "/catalog.db");
  ASSERT_TRUE(database->Execute("CREATE TABLE nodes(in_the_way)").ok());
  EXPECT_FALSE(Migrate(*database, NewestSchema()).ok());
  EXPECT_EQ(*database->SelectInteger("PRAGMA user_version"), 0);
  EXPECT_EQ(*database->SelectInteger("SELECT count(*) FROM sqlite_master WHERE name='chunks'"), 0);
}

}  // namespace
}  // namespace dray::delta
