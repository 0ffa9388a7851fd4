// A process that is killed in the middle of its commits loses none that it was told of.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/delta/catalog/sqlite_catalog.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

constexpr int kRounds = 5;
constexpr uint64_t kAcknowledgedBeforeKill = 60;

std::string NameOf(uint64_t number) { return absl::StrCat("file ", number); }

absl::Status CommitFile(CatalogTransaction& transaction, uint64_t number) {
  const TestFile file = MakeTestFile(number * 20, 20);
  DRAY_RETURN_IF_ERROR(AddTestFile(transaction, file));
  DRAY_ASSIGN_OR_RETURN(const EntryId entry, transaction.AddEntry(kTopEntry, NameOf(number)));
  VersionRecord version{.number = 1, .root = file.root};
  version.metadata = {.kind = EntryKind::kFile, .size = file.size};
  return transaction.AddVersion(entry, version);
}

// Commits files `first`, `first` + 1... and writes the number of each to `pipe` once it is
// acknowledged, until it is killed.
[[noreturn]] void CommitForever(const std::string& file, uint64_t first, int pipe) {
  auto catalog = OpenSqliteCatalog({.file = file, .readers = 1});
  if (!catalog.ok()) ::_exit(1);
  for (uint64_t number = first;; ++number) {
    (*catalog)->Write(
        [number](CatalogTransaction& transaction) { return CommitFile(transaction, number); },
        [number, pipe](const absl::Status& status) {
          if (!status.ok() || ::write(pipe, &number, sizeof(number)) != sizeof(number)) ::_exit(2);
        });
    if (number % 7 == 0) ::usleep(1000);
  }
}

// Runs a child and kills it; returns the numbers that it was told were committed.
std::vector<uint64_t> RunAndKill(const std::string& file, uint64_t first) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    CommitForever(file, first, ends[1]);
  }
  ::close(ends[1]);
  std::vector<uint64_t> acknowledged;
  uint64_t number = 0;
  while (::read(ends[0], &number, sizeof(number)) == sizeof(number)) {
    acknowledged.push_back(number);
    if (acknowledged.size() == kAcknowledgedBeforeKill) ::kill(child, SIGKILL);
  }
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << status;
  return acknowledged;
}

TEST(CrashTest, WhatWasAcknowledgedSurvivesAKill) {
  const std::string file = NewTestFolder() + "/catalog.db";
  std::vector<uint64_t> acknowledged;
  for (int round = 0; round < kRounds; ++round) {
    const auto more = RunAndKill(file, static_cast<uint64_t>(round) * 1'000'000);
    ASSERT_GE(more.size(), kAcknowledgedBeforeKill);
    acknowledged.insert(acknowledged.end(), more.begin(), more.end());
  }
  auto catalog = OpenTestCatalog(file);
  ReadAndWait(*catalog, [&](CatalogView& view) {
    for (uint64_t number : acknowledged) {
      const auto entry = view.FindEntry(kTopEntry, NameOf(number));
      ASSERT_TRUE(entry.ok() && entry->has_value()) << number << " was lost";
      EXPECT_EQ((*entry)->head.root, MakeTestFile(number * 20, 20).root);
    }
  });
  ExpectConsistent(*catalog);
}

}  // namespace
}  // namespace dray::delta
