// Bytes that change on the disk: nobody is given wrong ones, `check` tells what suffers, `rebuild`
// restores what can be restored.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

void FlipByte(const std::string& file, uint64_t offset) {
  const int fd = open(file.c_str(), O_RDWR | O_CLOEXEC);
  char byte = 0;
  ASSERT_EQ(pread(fd, &byte, 1, static_cast<off_t>(offset)), 1) << file << " at " << offset;
  byte = static_cast<char>(byte ^ 0x10);
  ASSERT_EQ(pwrite(fd, &byte, 1, static_cast<off_t>(offset)), 1);
  close(fd);
}

// A few files in one folder, large and small.
class DamageTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kLargeBytes = 3 << 20;

  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    MakeFolder(stack_.Path("tree"));
    WriteRandomFile(stack_.Path("tree/large"), kLargeBytes, 1);
    for (int i = 0; i < 40; ++i) {
      WriteFile(stack_.Path("tree/small" + std::to_string(i)), RandomText(5000 + i, 100 + i));
    }
    Put();
    stack_.ExpectSound();
  }
  void Put() {
    const CommandResult put = stack_.Dray({"put", stack_.Path("tree"), ":/"});
    ASSERT_EQ(put.status, 0) << put.err;
  }
  // Every file that is got is right; returns how many are not got.
  size_t GetAndCompare(CommandResult* get) {
    const std::string back = stack_.Path("back" + std::to_string(++reads_));
    *get = stack_.Dray({"get", ":/tree", back});
    size_t missing = 0;
    for (const auto& entry : std::filesystem::directory_iterator(stack_.Path("tree"))) {
      const std::string name = entry.path().filename();
      if (!Exists(back + "/" + name)) {
        ++missing;
      } else {
        EXPECT_TRUE(SameContents(entry.path(), back + "/" + name)) << name << " is not what it was";
      }
    }
    EXPECT_EQ(missing > 0, get->status != 0) << get->err;
    return missing;
  }
  void ExpectAllRight() {
    CommandResult get;
    EXPECT_EQ(GetAndCompare(&get), 0u) << get.err;
  }

  // Where in the store the text stands; segments hold chunks that cannot be compressed as they are.
  void FlipByteOf(const std::string& text) {
    for (const auto& entry : std::filesystem::directory_iterator(stack_.StoreFolder())) {
      const std::string segment = ReadFile(entry.path());
      const size_t at = segment.find(text.substr(0, 64));
      if (at != std::string::npos) return FlipByte(entry.path(), at + 20);
    }
    FAIL() << "no segment holds it";
  }

  // Changes the catalog behind delta's back; delta does not run meanwhile.
  void RunSql(const std::string& sql) {
    stack_.delta().Stop();
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(stack_.CatalogFile().c_str(), &database), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(database);
    stack_.delta().Start();
  }
  CommandResult Rebuild() {
    stack_.delta().Stop();
    CommandResult rebuild = stack_.Audit("rebuild");
    stack_.delta().Start();
    return rebuild;
  }

  Stack stack_;
  int reads_ = 0;
};

TEST_F(DamageTest, AFlippedByteInASegmentCostsOneFileUntilItIsPutAgain) {
  FlipByteOf(ReadFile(stack_.Path("tree/small7")));
  CommandResult get;
  EXPECT_EQ(GetAndCompare(&get), 1u) << get.err;
  EXPECT_THAT(get.err, AllOf(HasSubstr("small7"), Not(HasSubstr("small8"))));

  const CommandResult check = stack_.Audit("check");
  EXPECT_EQ(check.status, 1);
  EXPECT_THAT(check.out, AllOf(HasSubstr("damaged: :/tree/small7, version 1 (the newest)"),
                               HasSubstr("segment 000000"), Not(HasSubstr("small8"))));

  const CommandResult rebuild = Rebuild();
  EXPECT_EQ(rebuild.status, 1) << rebuild.out << rebuild.err;
  EXPECT_THAT(rebuild.out, HasSubstr("damaged: version 1 of :/tree/small7\n"));
  EXPECT_EQ(GetAndCompare(&get), 1u) << get.err;
  EXPECT_THAT(get.err, HasSubstr("small7"));

  Put();
  ExpectAllRight();
  // What is left of the record is no chunk's.
  const CommandResult after = stack_.Audit("check");
  EXPECT_EQ(after.status, 0) << after.out;
  EXPECT_THAT(after.out, AllOf(Not(HasSubstr("damaged: ")), HasSubstr("note: segment 0")));
}

TEST_F(DamageTest, ALargeFileIsHealedByOneChunk) {
  FlipByteOf(ReadFile(stack_.Path("tree/large")).substr(kLargeBytes / 2));
  CommandResult get;
  EXPECT_EQ(GetAndCompare(&get), 1u) << get.err;
  EXPECT_THAT(get.err, HasSubstr("large"));
  EXPECT_THAT(stack_.Audit("check").out, HasSubstr("damaged: :/tree/large, version 1"));
  EXPECT_THAT(Rebuild().out, HasSubstr("version 1 of :/tree/large"));
  const CommandResult put = stack_.DrayStats({"put", stack_.Path("tree/large"), ":/tree/large"});
  EXPECT_LT(BytesMoved(put), kLargeBytes / 4);
  ExpectAllRight();
}

TEST_F(DamageTest, ASegmentThatIsGoneIsToldOf) {
  WriteRandomFile(stack_.Path("other"), 1 << 20, 77);
  stack_.transfer().Stop();  // what comes next goes into a segment of its own
  stack_.transfer().Start();
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("other"), ":/other"}).status, 0);
  std::vector<std::string> segments;
  stack_.transfer().Stop();
  for (const auto& entry : std::filesystem::directory_iterator(stack_.StoreFolder())) {
    if (entry.path().extension() == ".seg") segments.push_back(entry.path());
  }
  std::sort(segments.begin(), segments.end());
  RemoveFile(segments.back());
  stack_.transfer().Start();
  const CommandResult get = stack_.Dray({"get", ":/other", stack_.Path("gone")});
  EXPECT_NE(get.status, 0);
  EXPECT_THAT(get.err, HasSubstr("other"));
  EXPECT_FALSE(Exists(stack_.Path("gone")));
  EXPECT_THAT(stack_.Audit("check").out, HasSubstr("damaged: :/other, version 1"));
  ExpectAllRight();
}

TEST_F(DamageTest, LostChunkRowsAreRestoredFromTheSegments) {
  RunSql("DELETE FROM chunks WHERE num % 2 = 0");
  CommandResult get;
  EXPECT_GT(GetAndCompare(&get), 0u);
  const CommandResult check = stack_.Audit("check");
  EXPECT_EQ(check.status, 1);
  EXPECT_THAT(check.out, HasSubstr("damaged: :/tree/large, version 1"));
  const CommandResult rebuild = Rebuild();
  EXPECT_EQ(rebuild.status, 0) << rebuild.out << rebuild.err;
  stack_.ExpectSound();
  ExpectAllRight();
  const CommandResult again = stack_.DrayStats({"put", stack_.Path("tree"), ":/"});
  EXPECT_LT(BytesMoved(again), 200'000u) << "what is there is not known any more";
}

// A tree that people made: links, empty files, hundreds of folders.
TEST_F(DamageTest, ARealTreeComesBackAfterAllChunkRowsAreLost) {
  const std::string real = "/usr/include/c++";  // what these tests are compiled with
  const CommandResult put = stack_.Dray({"put", real, ":/real"});
  ASSERT_EQ(put.status, 0) << put.err;
  RunSql("DELETE FROM chunks");
  EXPECT_NE(stack_.Dray({"get", ":/real", stack_.Target("lost")}).status, 0);
  const CommandResult rebuild = Rebuild();
  EXPECT_EQ(rebuild.status, 0) << rebuild.out << rebuild.err;
  stack_.ExpectSound();
  const CommandResult get = stack_.Dray({"get", ":/real", stack_.Path("real")});
  EXPECT_EQ(get.status, 0) << get.err;
  EXPECT_THAT(Differences(real, stack_.Path("real")), IsEmpty());
}

TEST_F(DamageTest, PlacesThatAreWrongAreFoundAndPutRight) {
  RunSql(
      "UPDATE chunks SET offset = offset + 1 WHERE num = 3; "
      "UPDATE chunks SET segment = 999 WHERE num = 5;"
      "UPDATE chunks SET offset = (SELECT offset FROM chunks WHERE num = 8) WHERE num = 7");
  CommandResult get;
  EXPECT_GT(GetAndCompare(&get), 0u);
  EXPECT_THAT(stack_.Audit("check").out, HasSubstr("damaged: "));
  EXPECT_EQ(Rebuild().status, 0);
  stack_.ExpectSound();
  ExpectAllRight();
}

TEST_F(DamageTest, ACatalogThatIsGoneIsMadeAnewWithoutNames) {
  stack_.delta().Stop();
  RemoveFile(stack_.CatalogFile());
  const CommandResult rebuild = stack_.Audit("rebuild");
  EXPECT_EQ(rebuild.status, 0) << rebuild.err;
  stack_.delta().Start();
  EXPECT_NE(stack_.Dray({"stat", ":/tree"}).status, 0);
  const CommandResult put = stack_.DrayStats({"put", stack_.Path("tree"), ":/"});
  EXPECT_LT(BytesMoved(put), 200'000u) << "chunks that are there were sent again";
  ExpectAllRight();
  stack_.ExpectSound();
}

TEST_F(DamageTest, CheckNeedsACatalogAndTransfer) {
  const std::string away = stack_.CatalogFile() + ".away";
  stack_.delta().Stop();
  std::filesystem::rename(stack_.CatalogFile(), away);
  EXPECT_THAT(stack_.Audit("check").err, HasSubstr("there is no catalog"));
  EXPECT_FALSE(Exists(stack_.CatalogFile()));
  std::filesystem::rename(away, stack_.CatalogFile());
  stack_.transfer().Stop();
  const CommandResult check = stack_.Audit("check");
  EXPECT_EQ(check.status, 1);
  EXPECT_THAT(check.err, HasSubstr("--transfer"));
  const CommandResult catalog_only = stack_.Audit("check", {"--catalog-only"});
  EXPECT_EQ(catalog_only.status, 0) << catalog_only.err;
  EXPECT_THAT(catalog_only.out, HasSubstr("chunks were not looked at"));
  const CommandResult rebuild = stack_.Audit("rebuild");
  EXPECT_EQ(rebuild.status, 1);
}

TEST_F(DamageTest, RebuildWaitsForNoRunningService) {
  const CommandResult rebuild = stack_.Audit("rebuild");
  EXPECT_EQ(rebuild.status, 1);
  EXPECT_THAT(rebuild.err, HasSubstr("in use by another dray-delta"));
  stack_.ExpectSound();
}

// Modes, times and links are in the catalog alone.
TEST_F(DamageTest, AChangedRecordOfAVersionIsRefusedAndNamed) {
  RunSql(
      "UPDATE versions SET mode = mode + 2 WHERE entry = (SELECT id FROM entries WHERE "
      "CAST(name AS TEXT) = 'small7')");
  const CommandResult stat = stack_.Dray({"stat", ":/tree/small7"});
  EXPECT_EQ(stat.status, 1);
  EXPECT_THAT(stat.err, AllOf(HasSubstr("version 1 of :/tree/small7"), HasSubstr("damaged")));
  EXPECT_NE(stack_.Dray({"get", ":/tree/small7", stack_.Path("got")}).status, 0);
  EXPECT_FALSE(Exists(stack_.Path("got")));
  EXPECT_EQ(stack_.Dray({"get", ":/tree/small8", stack_.Path("got8")}).status, 0);
  const CommandResult check = stack_.Audit("check");
  EXPECT_EQ(check.status, 1);
  EXPECT_THAT(check.out,
              AllOf(HasSubstr("wrong: version 1 of :/tree/small7"), Not(HasSubstr("small8"))));

  const CommandResult rebuild = Rebuild();
  EXPECT_EQ(rebuild.status, 1);
  EXPECT_THAT(rebuild.out, HasSubstr("damaged: version 1 of :/tree/small7"));
  stack_.ExpectSound();
  Put();  // it is not as it is here
  ExpectAllRight();
  EXPECT_THAT(Differences(stack_.Path("tree"), stack_.Path("back" + std::to_string(reads_))),
              IsEmpty());
}

TEST_F(DamageTest, AChangedRuleOfRetentionIsNamedAndForgotten) {
  EXPECT_EQ(stack_.Dray({"retention", ":/tree", "--keep", "30d"}).status, 0);
  RunSql("UPDATE retentions SET keep_ns = 1");
  const CommandResult told = stack_.Dray({"retention"});
  EXPECT_EQ(told.status, 1);
  EXPECT_THAT(told.err, AllOf(HasSubstr("the retention of :/tree"), HasSubstr("damaged")));
  const CommandResult check = stack_.Audit("check");
  EXPECT_EQ(check.status, 1);
  EXPECT_THAT(check.out, HasSubstr("wrong: the retention of :/tree"));

  const CommandResult rebuild = Rebuild();
  EXPECT_EQ(rebuild.status, 1);
  EXPECT_THAT(rebuild.out, HasSubstr("damaged: the retention of :/tree"));
  EXPECT_THAT(stack_.Dray({"retention"}).out, HasSubstr("for ever"));
  stack_.ExpectSound();
}

TEST_F(DamageTest, AFlippedByteOfALinkOrANameIsRefusedAndNamed) {
  MakeLink("../tree/small8", stack_.Path("tree/link"));
  WriteFile(stack_.Path("tree/a-name-to-be-found"), "x");
  Put();
  stack_.delta().Stop();
  const std::string sound = ReadFile(stack_.CatalogFile());
  for (const std::string text : {"../tree/small8", "a-name-to-be-found"}) {
    int refused = 0;
    // A name is in an index too, where not every reader looks at it.
    for (size_t at = sound.find(text); at != std::string::npos; at = sound.find(text, at + 1)) {
      SCOPED_TRACE(text + " at " + std::to_string(at));
      WriteFile(stack_.CatalogFile(), sound);
      FlipByte(stack_.CatalogFile(), at + 3);
      stack_.delta().Start();
      CommandResult get;
      GetAndCompare(&get);
      if (get.status != 0) {
        ++refused;
        EXPECT_THAT(get.err, HasSubstr("damaged"));
      }
      const CommandResult check = stack_.Audit("check");
      EXPECT_EQ(check.status, 1);
      EXPECT_THAT(check.out, HasSubstr("wrong: "));
      stack_.delta().Stop();
    }
    EXPECT_GT(refused, 0) << text;
  }
  WriteFile(stack_.CatalogFile(), sound);
  stack_.delta().Start();
  ExpectAllRight();
}

// Whatever byte of the catalog changes: no file is got with other contents, modes, times or names
// than were put. Delta may refuse the file at its start, where the byte is one of the schema's.
TEST_F(DamageTest, AFlippedByteInTheCatalogNeverMakesWrongBytes) {
  stack_.delta().Stop();
  const std::string sound = ReadFile(stack_.CatalogFile());
  std::mt19937_64 random(20);
  int refused = 0;
  for (int round = 0; round < 12; ++round) {
    WriteFile(stack_.CatalogFile(), sound);
    const uint64_t offset = 100 + random() % (sound.size() - 100);
    SCOPED_TRACE("byte " + std::to_string(offset) + " is flipped");
    FlipByte(stack_.CatalogFile(), offset);
    if (const absl::Status started = stack_.delta().TryStart(); !started.ok()) {
      EXPECT_THAT(std::string(started.message()), HasSubstr("cannot open"));
      ++refused;
      continue;
    }
    CommandResult get;
    GetAndCompare(&get);
    if (get.status == 0) {
      const std::string back = stack_.Path("back" + std::to_string(reads_));
      EXPECT_THAT(Differences(stack_.Path("tree"), back), IsEmpty());
    } else {
      EXPECT_NE(stack_.Audit("check").status, 0) << get.err;
    }
    stack_.delta().Kill();
    for (const char* suffix : {"-wal", "-shm"}) {
      std::filesystem::remove(stack_.CatalogFile() + suffix);
    }
  }
  EXPECT_LT(refused, 6);
}

}  // namespace
}  // namespace dray::testing
