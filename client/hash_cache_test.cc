// What the cache gives back, what it must not, and what a put does with it.
#include "client/hash_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "client/dray.h"
#include "client/file_chunks.h"
#include "client/testing/fake_server.h"
#include "client/testing/scratch_tree.h"
#include "core/base/file.h"
#include "core/chunking/sha256.h"
#include "core/database/database.h"

namespace dray {
namespace {

using testing::FakeServer;
using testing::Noise;
using testing::ScratchTree;

const absl::Time kLongAfter = absl::FromUnixSeconds(2'000'000'000);

FileState StateNumber(uint64_t inode) {
  return {.device = 7,
          .inode = inode,
          .size_bytes = 40'000,
          .mtime_ns = 1'000'000'000'000'000'001,
          .ctime_ns = 1'000'000'000'000'000'002};
}

std::vector<ChunkEntry> SomeChunks(size_t count, uint64_t seed) {
  std::vector<ChunkEntry> chunks;
  for (size_t i = 0; i < count; ++i) {
    chunks.push_back({Sha256(AsBytes(absl::StrCat(seed, ":", i))).As<ChunkTag>(), 20'000});
  }
  return chunks;
}

class HashCacheTest : public ::testing::Test {
 protected:
  HashCache::Options Options() const { return {.folder = tree_.Path("cache")}; }
  std::string File() const { return tree_.Path("cache/hashes-1.db"); }
  void Keep(const FileState& state, const std::vector<ChunkEntry>& chunks) const {
    HashCache(Options()).Keep(state, 0, kLongAfter, chunks);
  }
  std::optional<std::vector<ChunkEntry>> Find(const FileState& state) const {
    return HashCache(Options()).Find(state, 0);
  }
  absl::Status Execute(const char* sql) const {
    auto database = Database::Open(File(), Database::Mode::kCache);
    return database.ok() ? (*database)->Execute(sql) : database.status();
  }

  ScratchTree tree_;
};

TEST_F(HashCacheTest, RemembersBetweenRuns) {
  Keep(StateNumber(1), SomeChunks(2, 1));
  Keep(StateNumber(2), SomeChunks(HashCache::kPageChunks, 2));
  EXPECT_EQ(Find(StateNumber(1)), SomeChunks(2, 1));
  EXPECT_EQ(Find(StateNumber(2)), SomeChunks(HashCache::kPageChunks, 2));
  EXPECT_EQ(Find(StateNumber(3)), std::nullopt);
}

TEST_F(HashCacheTest, AnyOtherStateIsAnotherFile) {
  Keep(StateNumber(1), SomeChunks(2, 1));
  for (const auto field : {&FileState::device, &FileState::inode, &FileState::size_bytes}) {
    FileState other = StateNumber(1);
    ++(other.*field);
    EXPECT_EQ(Find(other), std::nullopt);
  }
  for (const auto field : {&FileState::mtime_ns, &FileState::ctime_ns}) {
    FileState other = StateNumber(1);
    ++(other.*field);
    EXPECT_EQ(Find(other), std::nullopt);
  }
}

TEST_F(HashCacheTest, WhatWasReadSoonAfterItsChangeIsNotRemembered) {
  const absl::Time changed = absl::FromUnixNanos(StateNumber(1).ctime_ns);
  HashCache cache(Options());
  cache.Keep(StateNumber(1), 0, changed + absl::Milliseconds(1999), SomeChunks(2, 1));
  cache.Keep(StateNumber(2), 0, changed - absl::Hours(1), SomeChunks(2, 2));
  cache.Keep(StateNumber(3), 0, changed + absl::Seconds(2), SomeChunks(2, 3));
  cache.Forget(StateNumber(9));  // writes what waits
  EXPECT_EQ(cache.Find(StateNumber(1), 0), std::nullopt);
  EXPECT_EQ(cache.Find(StateNumber(2), 0), std::nullopt);
  EXPECT_EQ(cache.Find(StateNumber(3), 0), SomeChunks(2, 3));
}

TEST_F(HashCacheTest, ForgetsOneFile) {
  Keep(StateNumber(1), SomeChunks(2, 1));
  Keep(StateNumber(2), SomeChunks(2, 2));
  HashCache(Options()).Forget(StateNumber(1));
  EXPECT_EQ(Find(StateNumber(1)), std::nullopt);
  EXPECT_EQ(Find(StateNumber(2)), SomeChunks(2, 2));
}

TEST_F(HashCacheTest, DamagedFileIsReplaced) {
  Keep(StateNumber(1), SomeChunks(2, 1));
  tree_.Write("cache/hashes-1.db", Noise(50'000, 1));
  EXPECT_EQ(Find(StateNumber(1)), std::nullopt);
  Keep(StateNumber(1), SomeChunks(2, 1));
  EXPECT_EQ(Find(StateNumber(1)), SomeChunks(2, 1));
}

TEST_F(HashCacheTest, AnyFlippedByteIsAMissAtWorst) {
  Keep(StateNumber(1), SomeChunks(300, 1));
  const std::string good = tree_.Read("cache/hashes-1.db");
  for (size_t at = 0; at < good.size(); at += 257) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    tree_.Write("cache/hashes-1.db", bad);
    const auto found = Find(StateNumber(1));
    EXPECT_TRUE(!found || *found == SomeChunks(300, 1)) << at;
  }
}

TEST_F(HashCacheTest, CutFileIsAMissAtWorst) {
  Keep(StateNumber(1), SomeChunks(1000, 1));
  const std::string good = tree_.Read("cache/hashes-1.db");
  for (size_t length = 0; length < good.size(); length += 4001) {
    tree_.Write("cache/hashes-1.db", good.substr(0, length));
    const auto found = Find(StateNumber(1));
    EXPECT_TRUE(!found || *found == SomeChunks(1000, 1)) << length;
  }
}

TEST_F(HashCacheTest, WrongTableIsReplaced) {
  Keep(StateNumber(1), SomeChunks(2, 1));
  ASSERT_TRUE(Execute("DROP TABLE page; CREATE TABLE page (other INTEGER)").ok());
  EXPECT_EQ(Find(StateNumber(1)), std::nullopt);
  Keep(StateNumber(1), SomeChunks(2, 1));
  EXPECT_EQ(Find(StateNumber(1)), SomeChunks(2, 1));
}

TEST_F(HashCacheTest, LockedFileIsNoCache) {
  Keep(StateNumber(1), SomeChunks(2, 1));
  auto other = Database::Open(File(), Database::Mode::kCache);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->Execute("BEGIN EXCLUSIVE").ok());
  Keep(StateNumber(2), SomeChunks(2, 2));  // not kept, and no harm done
  ASSERT_TRUE((*other)->Execute("ROLLBACK").ok());
  EXPECT_EQ(Find(StateNumber(1)), SomeChunks(2, 1));
  EXPECT_EQ(Find(StateNumber(2)), std::nullopt);
}

TEST_F(HashCacheTest, PlaceThatCannotBeIsNoCache) {
  tree_.Write("file", "");
  tree_.MakeFolder("elsewhere");
  tree_.MakeFolder("linked");
  tree_.MakeLink("linked/hashes-1.db", tree_.Path("elsewhere/target"));
  for (const std::string& folder : {tree_.Path("file/cache"), std::string("/proc/cache"),
                                    tree_.Path("linked"), std::string()}) {
    HashCache cache({.folder = folder});
    cache.Keep(StateNumber(1), 0, kLongAfter, SomeChunks(2, 1));
    EXPECT_EQ(cache.Find(StateNumber(1), 0), std::nullopt) << folder;
  }
  EXPECT_FALSE(tree_.Exists("elsewhere/target"));
}

TEST_F(HashCacheTest, OthersMayNotReadIt) {
  Keep(StateNumber(1), SomeChunks(2, 1));
  struct stat status;
  ASSERT_EQ(::stat(File().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 077, 0u);
}

TEST_F(HashCacheTest, StaysWithinItsLimitAndKeepsWhatIsUsed) {
  HashCache::Options options = Options();
  options.limit_bytes = 2 << 20;
  for (uint64_t inode = 1; inode <= 200; ++inode) {
    HashCache(options).Keep(StateNumber(inode), 0, kLongAfter, SomeChunks(1000, inode));
  }
  EXPECT_LT(tree_.Read("cache/hashes-1.db").size(), 4u << 20);
  EXPECT_EQ(Find(StateNumber(1)), std::nullopt);
  EXPECT_EQ(Find(StateNumber(200)), SomeChunks(1000, 200));
}

TEST_F(HashCacheTest, UseKeepsAnOldEntry) {
  HashCache::Options options = Options();
  options.limit_bytes = 2 << 20;
  for (uint64_t inode = 1; inode <= 20; ++inode) {
    Keep(StateNumber(inode), SomeChunks(1000, inode));
  }
  ASSERT_TRUE(Execute("UPDATE page SET used_day = 1").ok());
  ASSERT_NE(Find(StateNumber(1)), std::nullopt);
  for (uint64_t inode = 21; inode <= 62; ++inode) {
    HashCache(options).Keep(StateNumber(inode), 0, kLongAfter, SomeChunks(1000, inode));
  }
  EXPECT_NE(Find(StateNumber(1)), std::nullopt);
  EXPECT_EQ(Find(StateNumber(2)), std::nullopt);
}

TEST_F(HashCacheTest, SeveralClientsAtOnce) {
  std::vector<std::thread> clients;
  for (uint64_t client = 0; client < 4; ++client) {
    clients.emplace_back([this, client] {
      for (uint64_t round = 0; round < 20; ++round) {
        const uint64_t inode = 1 + (client * 5 + round) % 30;
        HashCache cache(Options());
        const auto found = cache.Find(StateNumber(inode), 0);
        EXPECT_TRUE(!found || *found == SomeChunks(50, inode));
        cache.Keep(StateNumber(inode), 0, kLongAfter, SomeChunks(50, inode));
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(Find(StateNumber(1)), SomeChunks(50, 1));
}

// Tells whether files below were opened or read.
class Watch {
 public:
  explicit Watch(const std::string& folder) : fd_(::inotify_init1(IN_NONBLOCK)) {
    EXPECT_GE(::inotify_add_watch(fd_.get(), folder.c_str(), IN_ACCESS), 0);
  }
  // Files that were read since the last call.
  size_t Reads() {
    alignas(inotify_event) char events[1 << 16];
    std::set<std::string> names;
    ssize_t got;
    while ((got = ::read(fd_.get(), events, sizeof(events))) > 0) {
      for (ssize_t at = 0; at < got;) {
        const auto* event = reinterpret_cast<const inotify_event*>(events + at);
        if ((event->mask & IN_ISDIR) == 0) names.insert(event->name);
        at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      }
    }
    return names.size();
  }

 private:
  UniqueFd fd_;
};

// Puts and gets of a folder with one small and one large file, both old enough to be remembered.
class RememberedTest : public ::testing::Test {
 protected:
  void SetUp() override {
    tree_.MakeFolder("a");
    tree_.Write("a/small", Noise(50'000, 1));
    tree_.Write("a/large", Noise(5'000'000, 2));
    Age();
  }
  // Waits until what is there now may be remembered.
  static void Age() { absl::SleepFor(HashCache::kMinAge + absl::Milliseconds(50)); }
  ClientOptions Options(const FakeServer& server) {
    ClientOptions options;
    options.server = server.address();
    options.connections = 2;
    options.hash_cache_folder = tree_.Path("cache");
    return options;
  }
  Outcome Put(FakeServer* server, bool checksum = false) {
    Client client(Options(*server));
    const PutJob job = {tree_.Path("a"), "a"};
    PutOptions put;
    put.checksum = checksum;
    return client.Put({&job, 1}, put);
  }
  // Over what is there.
  Outcome Get(const std::string& remote, const std::string& name, bool checksum = false) {
    Client client(Options(server_));
    const GetJob job = {.remote = remote, .local = tree_.Path(name)};
    GetOptions get;
    get.checksum = checksum;
    return client.Get({&job, 1}, get);
  }
  FileState StateOf(const std::string& name) const {
    struct stat status;
    EXPECT_EQ(::stat(tree_.Path(name).c_str(), &status), 0);
    return FileState::Of(status);
  }
  void ExpectThere(FakeServer* server) {
    EXPECT_TRUE(server->Contents("a/small") == tree_.Read("a/small"));
    EXPECT_TRUE(server->Contents("a/large") == tree_.Read("a/large"));
  }

  ScratchTree tree_;
  FakeServer server_;
};

TEST_F(RememberedTest, UnchangedFilesAreNotReadAgain) {
  ASSERT_TRUE(Put(&server_).ok());
  Watch watch(tree_.Path("a"));
  const Outcome again = Put(&server_);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(watch.Reads(), 0u);
  EXPECT_EQ(again.summary.unchanged, 3u);
  EXPECT_EQ(again.summary.bytes_total, 5'050'000u);
  ASSERT_TRUE(Put(&server_, /*checksum=*/true).ok());
  EXPECT_EQ(watch.Reads(), 2u);
}

TEST_F(RememberedTest, WhatWasPutIsNotReadToGetIt) {
  ASSERT_TRUE(Put(&server_).ok());
  Watch watch(tree_.Path("a"));
  for (const char* name : {"a/small", "a/large"}) {
    const Outcome got = Get(name, name);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got.summary.unchanged, 1u);
  }
  EXPECT_EQ(watch.Reads(), 0u);
  for (const char* name : {"a/small", "a/large"}) ASSERT_TRUE(Get(name, name, true).ok());
  EXPECT_EQ(watch.Reads(), 2u);
}

TEST_F(RememberedTest, WhatAGetReadIsRemembered) {
  server_.AddFile("a/large", tree_.Read("a/large"));
  ASSERT_TRUE(Get("a/large", "a/large").ok());  // sets the mode and the time
  Age();
  ASSERT_TRUE(Get("a/large", "a/large").ok());
  Watch watch(tree_.Path("a"));
  ASSERT_TRUE(Get("a/large", "a/large").ok());
  EXPECT_EQ(watch.Reads(), 0u);
}

TEST_F(RememberedTest, EditThatKeepsSizeAndTimeIsSeenByAGet) {
  ASSERT_TRUE(Put(&server_).ok());
  const FileState before = StateOf("a/large");
  std::string contents = tree_.Read("a/large");
  contents[1000] ^= 1;
  tree_.Write("a/large", contents);
  tree_.SetTime("a/large", before.mtime_ns);
  ASSERT_TRUE(Get("a/large", "a/large").ok());
  EXPECT_TRUE(tree_.Read("a/large") == server_.Contents("a/large"));
}

TEST_F(RememberedTest, WrongHashesOfASourceSpoilNoGet) {
  const std::string contents = Noise(5'000'000, 2);
  server_.AddFile("a/large", contents);
  tree_.Write("a/large", Noise(5'000'000, 7));
  std::vector<HashedChunk> chunks = CutContents(AsBytes(contents));
  HashAll(absl::MakeSpan(chunks));
  // All that is wanted is said to be here, some bytes behind where it belongs, but for the last.
  std::vector<ChunkEntry> entries = {{Sha256(AsBytes("other")).As<ChunkTag>(), 20'000}};
  for (const HashedChunk& chunk : chunks) entries.push_back({chunk.id, chunk.length_bytes()});
  entries.pop_back();
  {
    HashCache cache({.folder = tree_.Path("cache")});
    cache.Keep(StateOf("a/large"), 0, kLongAfter, entries);
  }
  ASSERT_TRUE(Get("a/large", "a/large").ok());
  EXPECT_TRUE(tree_.Read("a/large") == contents);
}

TEST_F(RememberedTest, EditThatKeepsSizeAndTimeIsSeen) {
  ASSERT_TRUE(Put(&server_).ok());
  for (const char* name : {"a/small", "a/large"}) {
    const FileState before = StateOf(name);
    std::string contents = tree_.Read(name);
    contents[contents.size() / 2] ^= 1;
    tree_.Write(name, contents);
    tree_.SetTime(name, before.mtime_ns);
    ASSERT_EQ(StateOf(name).mtime_ns, before.mtime_ns);
    ASSERT_EQ(StateOf(name).inode, before.inode);
  }
  ASSERT_TRUE(Put(&server_).ok());
  ExpectThere(&server_);
}

TEST_F(RememberedTest, EditRightAfterAPutIsSeen) {
  tree_.Write("a/small", Noise(50'000, 5));
  tree_.Write("a/large", Noise(5'000'000, 6));
  ASSERT_TRUE(Put(&server_).ok());
  Watch watch(tree_.Path("a"));
  ASSERT_TRUE(Put(&server_).ok());
  EXPECT_EQ(watch.Reads(), 2u) << "trusted though read right after the change";
}

TEST_F(RememberedTest, AnotherServerGetsTheContents) {
  ASSERT_TRUE(Put(&server_).ok());
  FakeServer other;
  const Outcome put = Put(&other);
  ASSERT_TRUE(put.ok());
  EXPECT_GT(put.summary.bytes_sent, 5'050'000u);
  ExpectThere(&other);
}

TEST_F(RememberedTest, WrongHashesAreFoundOutAndForgotten) {
  {
    HashCache cache({.folder = tree_.Path("cache")});
    std::vector<ChunkEntry> small = SomeChunks(2, 1);
    small[0].length_bytes = 30'000;
    cache.Keep(StateOf("a/small"), 0, kLongAfter, small);
    cache.Keep(StateOf("a/large"), 0, kLongAfter, SomeChunks(250, 2));
  }
  ASSERT_TRUE(Put(&server_).ok());
  ExpectThere(&server_);
  Watch watch(tree_.Path("a"));
  ASSERT_TRUE(Put(&server_).ok());
  EXPECT_EQ(watch.Reads(), 0u);
  ExpectThere(&server_);
}

TEST_F(RememberedTest, LengthsThatDoNotFitAreFoundOut) {
  {
    HashCache cache({.folder = tree_.Path("cache")});
    cache.Keep(StateOf("a/small"), 0, kLongAfter, SomeChunks(9, 1));
    cache.Keep(StateOf("a/large"), 0, kLongAfter, SomeChunks(900, 2));
  }
  ASSERT_TRUE(Put(&server_).ok());
  ExpectThere(&server_);
}

TEST_F(RememberedTest, WhatThePagesLackIsRead) {
  const UniqueFd fd(::open(tree_.Path("a/large").c_str(), O_RDONLY));
  bool recalled = false;
  std::vector<ChunkEntry> all;
  const auto gather = [&](absl::Span<const ChunkEntry> chunks) {
    all.insert(all.end(), chunks.begin(), chunks.end());
    return absl::OkStatus();
  };
  HashCache none({});
  ASSERT_EQ(*VisitFileChunks(fd.get(), &none, Trust::kCache, &recalled, gather), 5'000'000u);
  EXPECT_FALSE(recalled);
  const std::vector<ChunkEntry> expected = std::exchange(all, {});
  HashCache cache({.folder = tree_.Path("cache")});
  cache.Keep(StateOf("a/large"), 0, kLongAfter, absl::MakeSpan(expected).first(10));
  cache.Forget(StateOf("a/small"));  // writes what waits
  ASSERT_EQ(*VisitFileChunks(fd.get(), &cache, Trust::kCache, &recalled, gather), 5'000'000u);
  EXPECT_TRUE(recalled);
  EXPECT_EQ(all, expected);
}

}  // namespace
}  // namespace dray
