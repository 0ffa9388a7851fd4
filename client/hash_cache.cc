#include "client/hash_cache.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/file.h"
#include "core/chunking/chunker.h"

namespace dray {
namespace {

// The number is the format's: of the table, of the chunker, and of the checksum.
constexpr char kFileName[] = "hashes-1.db";
constexpr char kSchema[] =
    "CREATE TABLE IF NOT EXISTS page (device INTEGER NOT NULL, inode INTEGER NOT NULL,"
    " start INTEGER NOT NULL, used_day INTEGER NOT NULL, checksum BLOB NOT NULL,"
    " entries BLOB NOT NULL, UNIQUE (device, inode, start));"
    "CREATE INDEX IF NOT EXISTS page_by_use ON page (used_day);";
constexpr size_t kEntryBytes = kDigestBytes + 4;
// What is written in one transaction.
constexpr size_t kMaxPendingBytes = 4 << 20;
constexpr size_t kRowBytes = 128;  // about what a row takes besides its entries

int64_t Nanoseconds(const timespec& time) {
  return time.tv_sec * int64_t{1'000'000'000} + time.tv_nsec;
}

// Over the file's state, the page's place and its entries.
std::string Checksum(const FileState& state, uint64_t start_bytes, std::string_view entries) {
  const uint64_t words[] = {state.device,
                            state.inode,
                            state.size_bytes,
                            static_cast<uint64_t>(state.mtime_ns),
                            static_cast<uint64_t>(state.ctime_ns),
                            start_bytes};
  std::string all(reinterpret_cast<const char*>(words), sizeof(words));
  all.append(entries);
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(all.data(), all.size()));
  return std::string(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest));
}

std::string Encode(absl::Span<const ChunkEntry> chunks) {
  std::string out;
  out.reserve(chunks.size() * kEntryBytes);
  for (const ChunkEntry& chunk : chunks) {
    out.append(chunk.id.view());
    out.append(reinterpret_cast<const char*>(&chunk.length_bytes), sizeof(chunk.length_bytes));
  }
  return out;
}

std::optional<std::vector<ChunkEntry>> Decode(std::string_view entries) {
  const size_t count = entries.size() / kEntryBytes;
  if (count == 0 || count > HashCache::kPageChunks || entries.size() % kEntryBytes != 0) {
    return std::nullopt;
  }
  std::vector<ChunkEntry> chunks(count);
  for (ChunkEntry& chunk : chunks) {
    std::memcpy(chunk.id.data(), entries.data(), kDigestBytes);
    std::memcpy(&chunk.length_bytes, entries.data() + kDigestBytes, sizeof(chunk.length_bytes));
    if (chunk.length_bytes == 0 || chunk.length_bytes > kMaxChunkBytes) return std::nullopt;
    entries.remove_prefix(kEntryBytes);
  }
  return chunks;
}

// Binds which page of which file, as parameters 1 to 3.
void BindPage(Statement* statement, const FileState& state, uint64_t start_bytes) {
  statement->Bind(1, static_cast<int64_t>(state.device));
  statement->Bind(2, static_cast<int64_t>(state.inode));
  statement->Bind(3, static_cast<int64_t>(start_bytes));
}

}  // namespace

FileState FileState::Of(const struct stat& status) {
  return {.device = status.st_dev,
          .inode = status.st_ino,
          .size_bytes = static_cast<uint64_t>(status.st_size),
          .mtime_ns = Nanoseconds(status.st_mtim),
          .ctime_ns = Nanoseconds(status.st_ctim)};
}

HashCache::HashCache(Options options)
    : options_(std::move(options)),
      file_(absl::StrCat(options_.folder, "/", kFileName)),
      today_(absl::ToUnixSeconds(absl::Now()) / (24 * 3600)),
      given_up_(options_.folder.empty()) {}

HashCache::~HashCache() {
  absl::MutexLock lock(&mu_);
  Flush();
}

std::optional<std::vector<ChunkEntry>> HashCache::Find(const FileState& state,
                                                       uint64_t start_bytes) {
  absl::MutexLock lock(&mu_);
  if (!Ready()) return std::nullopt;
  auto found = Select(state, start_bytes);
  if (found.ok()) return *std::move(found);
  GiveUp(found.status());
  return std::nullopt;
}

absl::StatusOr<std::optional<std::vector<ChunkEntry>>> HashCache::Select(const FileState& state,
                                                                         uint64_t start_bytes) {
  DRAY_ASSIGN_OR_RETURN(Statement * select,
                        database_->Prepare("SELECT entries, checksum, used_day FROM page"
                                           " WHERE device = ? AND inode = ? AND start = ?"));
  Query query(select);
  BindPage(select, state, start_bytes);
  DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
  std::optional<std::vector<ChunkEntry>> chunks;
  if (!row) return chunks;
  const std::string_view entries = query->Blob(0);
  if (query->Blob(1) != Checksum(state, start_bytes, entries)) return chunks;
  chunks = Decode(entries);
  if (chunks && query->Integer(2) != today_) Enqueue({state, start_bytes, ""});
  return chunks;
}

void HashCache::Keep(const FileState& state, uint64_t start_bytes, absl::Time read_since,
                     absl::Span<const ChunkEntry> chunks) {
  if (chunks.empty() || read_since - absl::FromUnixNanos(state.ctime_ns) < kMinAge) return;
  absl::MutexLock lock(&mu_);
  if (given_up_) return;
  Enqueue({state, start_bytes, Encode(chunks)});
  if (pending_bytes_ >= kMaxPendingBytes) Flush();
}

void HashCache::Forget(const FileState& state) {
  absl::MutexLock lock(&mu_);
  Flush();
  if (!Ready()) return;
  if (const absl::Status removed = Remove(state); !removed.ok()) GiveUp(removed);
}

absl::Status HashCache::Remove(const FileState& state) {
  DRAY_ASSIGN_OR_RETURN(Statement * remove,
                        database_->Prepare("DELETE FROM page WHERE device = ? AND inode = ?"));
  Query query(remove);
  query->Bind(1, static_cast<int64_t>(state.device));
  query->Bind(2, static_cast<int64_t>(state.inode));
  return query->Run();
}

bool HashCache::Ready() {
  if (given_up_ || database_ != nullptr) return !given_up_;
  absl::Status opened = Open();
  if (absl::IsDataLoss(opened)) {  // GiveUp removes it: the second time it is a new one
    GiveUp(opened);
    opened = Open();
    given_up_ = !opened.ok();
  }
  if (!opened.ok()) GiveUp(opened);
  return !given_up_;
}

absl::Status HashCache::Open() {
  DRAY_RETURN_IF_ERROR(MakeFolders(options_.folder));
  struct stat status;
  if (::stat(options_.folder.c_str(), &status) != 0 || status.st_uid != ::geteuid()) {
    return absl::PermissionDeniedError("the cache's folder belongs to somebody else");
  }
  DRAY_RETURN_IF_ERROR(OpenFile(file_, O_RDWR | O_CREAT | O_NOFOLLOW, 0600).status());
  DRAY_ASSIGN_OR_RETURN(database_, Database::Open(file_, Database::Mode::kCache));
  return database_->Execute(kSchema);
}

void HashCache::Enqueue(Row row) {
  pending_bytes_ += kRowBytes + row.entries.size();
  pending_.push_back(std::move(row));
}

void HashCache::Flush() {
  const std::vector<Row> rows = std::exchange(pending_, {});
  pending_bytes_ = 0;
  if (rows.empty() || !Ready()) return;
  if (const absl::Status written = WriteAll(rows); !written.ok()) GiveUp(written);
}

absl::Status HashCache::WriteAll(const std::vector<Row>& rows) {
  DRAY_RETURN_IF_ERROR(database_->Execute("BEGIN IMMEDIATE"));
  for (const Row& row : rows) DRAY_RETURN_IF_ERROR(Write(row));
  DRAY_RETURN_IF_ERROR(DropOld());
  return database_->Execute("COMMIT");
}

absl::Status HashCache::Write(const Row& row) {
  if (row.entries.empty()) {
    DRAY_ASSIGN_OR_RETURN(Statement * touch,
                          database_->Prepare("UPDATE page SET used_day = ?4"
                                             " WHERE device = ?1 AND inode = ?2 AND start = ?3"));
    Query query(touch);
    BindPage(touch, row.state, row.start_bytes);
    query->Bind(4, today_);
    return query->Run();
  }
  DRAY_ASSIGN_OR_RETURN(
      Statement * insert,
      database_->Prepare("INSERT OR REPLACE INTO page (device, inode, start, used_day, checksum,"
                         " entries) VALUES (?, ?, ?, ?, ?, ?)"));
  const std::string checksum = Checksum(row.state, row.start_bytes, row.entries);
  Query query(insert);
  BindPage(insert, row.state, row.start_bytes);
  query->Bind(4, today_);
  query->BindBlob(5, checksum);
  query->BindBlob(6, row.entries);
  return query->Run();
}

absl::Status HashCache::DropOld() {
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const int64_t page_bytes, database_->SelectInteger("PRAGMA page_size"));
    DRAY_ASSIGN_OR_RETURN(const int64_t all, database_->SelectInteger("PRAGMA page_count"));
    DRAY_ASSIGN_OR_RETURN(const int64_t free, database_->SelectInteger("PRAGMA freelist_count"));
    const int64_t used_bytes = (all - free) * page_bytes;
    if (used_bytes <= static_cast<int64_t>(options_.limit_bytes)) return absl::OkStatus();
    // A part at a time; pages of files that were gone or changed long ago are the oldest.
    DRAY_RETURN_IF_ERROR(database_->Execute(
        "DELETE FROM page WHERE rowid IN (SELECT rowid FROM page ORDER BY used_day, rowid"
        " LIMIT (SELECT 1 + count(*) / 8 FROM page))"));
    if (database_->changed_rows() == 0) return absl::OkStatus();
  }
}

void HashCache::GiveUp(const absl::Status& why) {
  given_up_ = true;
  pending_.clear();
  pending_bytes_ = 0;
  database_.reset();
  if (!absl::IsDataLoss(why) && !absl::IsInternal(why)) return;
  // Who has it open still writes to files without a name, and sees no harm.
  for (const char* end : {"", "-wal", "-shm"}) ::unlink(absl::StrCat(file_, end).c_str());
}

}  // namespace dray
