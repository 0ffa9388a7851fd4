#include "services/delta/catalog/catalog_backup.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/database/database.h"
#include "services/delta/catalog/schema.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

absl::Status RecordOne(Catalog& catalog, const std::string& operation) {
  return WriteAndWait(catalog, [operation](CatalogTransaction& transaction) {
    return transaction.RecordOperation(operation, {EntryId{2}, 1, 1}, 5);
  });
}

TEST(CatalogBackupTest, CopiesWhatWasCommittedWhileTheCatalogIsInUse) {
  const std::string folder = NewTestFolder();
  auto catalog = OpenTestCatalog(folder + "/catalog.db");
  ASSERT_TRUE(RecordOne(*catalog, "0123456789abcdef").ok());
  const absl::Status status = BackUpCatalog(folder + "/catalog.db", folder + "/copy.db");
  ASSERT_TRUE(status.ok()) << status;
  ASSERT_TRUE(RecordOne(*catalog, "fedcba9876543210").ok());

  auto copy = Database::Open(folder + "/copy.db", Database::Mode::kReadOnly);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(*(*copy)->SelectInteger("SELECT count(*) FROM operations"), 1);
  EXPECT_EQ(*(*copy)->SelectInteger("PRAGMA user_version"), NewestSchema());
  copy->reset();
  // It is a catalog like any other, and nothing else was left behind.
  ExpectConsistent(*OpenTestCatalog(folder + "/copy.db"));
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    EXPECT_NE(entry.path().extension(), ".part") << entry.path();
  }
}

TEST(CatalogBackupTest, NeverWritesOverAFile) {
  const std::string folder = NewTestFolder();
  auto catalog = OpenTestCatalog(folder + "/catalog.db");
  std::ofstream(folder + "/copy.db") << "mine";
  const absl::Status status = BackUpCatalog(folder + "/catalog.db", folder + "/copy.db");
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_NE(status.message().find("copy.db"), absl::string_view::npos);
  EXPECT_EQ(std::filesystem::file_size(folder + "/copy.db"), 4u);
}

TEST(CatalogBackupTest, WhatCannotBeCopiedIsNamed) {
  const std::string folder = NewTestFolder();
  EXPECT_NE(BackUpCatalog(folder + "/none.db", folder + "/copy.db").message().find("none.db"),
            absl::string_view::npos);
  EXPECT_FALSE(std::filesystem::exists(folder + "/copy.db"));
  auto catalog = OpenTestCatalog(folder + "/catalog.db");
  EXPECT_FALSE(BackUpCatalog(folder + "/catalog.db", folder + "/no/folder/copy.db").ok());
}

}  // namespace
}  // namespace dray::delta
