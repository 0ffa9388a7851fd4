#include "services/delta/catalog/sqlite_catalog.h"

#include <fcntl.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "core/base/file.h"
#include "core/base/path.h"
#include "services/delta/catalog/catalog_lock.h"
#include "services/delta/catalog/consistency.h"
#include "services/delta/catalog/job_threads.h"
#include "services/delta/catalog/schema.h"

namespace dray::delta {
namespace {

struct Reader {
  explicit Reader(std::unique_ptr<Database> opened)
      : database(std::move(opened)), access(database.get()) {}
  std::unique_ptr<Database> database;
  SqliteAccess access;
};

class SqliteCatalog final : public Catalog {
 public:
  SqliteCatalog(UniqueFd lock, std::vector<std::unique_ptr<Reader>> readers,
                WriteQueue::Options writes, std::unique_ptr<Database> writer)
      : lock_(std::move(lock)),
        writes_(std::move(writes), std::move(writer)),
        readers_(std::move(readers)),
        threads_("delta-reader", readers_.size()) {}

  void Read(ReadJob job) override {
    threads_.Add([this, job = std::move(job)](size_t thread) {
      RunOn(*readers_[thread], [&](Reader& reader) { job(reader.access); });
    });
  }

  void Write(WriteJob job, Done done) override { writes_.Add(std::move(job), std::move(done)); }

  absl::StatusOr<ConsistencyReport> CheckConsistency() override {
    return OnReader<absl::StatusOr<ConsistencyReport>>(
        [](Reader& reader) { return delta::CheckConsistency(*reader.database); });
  }

  CatalogCounts Counts() override {
    return OnReader<CatalogCounts>([](Reader& reader) {
      const auto count = [&](const char* sql) {
        return static_cast<uint64_t>(reader.database->SelectInteger(sql).value_or(0));
      };
      // Rows are numbered from 1 without gaps but for those deleted; counting them would read them
      // all.
      return CatalogCounts{
          .chunks = count("SELECT ifnull(max(num), 0)-(SELECT chunks FROM deleted) FROM chunks"),
          .nodes = count("SELECT ifnull(max(num), 0)-(SELECT nodes FROM deleted) FROM nodes"),
          .entries = count("SELECT max(id) FROM entries")};
    });
  }

 private:
  // One read transaction, so that the job sees one state of the catalog.
  static void RunOn(Reader& reader, absl::FunctionRef<void(Reader&)> job) {
    const absl::Status begun = reader.database->Execute("BEGIN");
    job(reader);
    if (begun.ok()) reader.database->Execute("COMMIT").IgnoreError();
  }

  template <typename Result>
  Result OnReader(absl::FunctionRef<Result(Reader&)> job) {
    absl::Mutex mutex;
    std::optional<Result> result;
    threads_.Add([&](size_t thread) {
      RunOn(*readers_[thread], [&](Reader& reader) {
        Result value = job(reader);
        absl::MutexLock lock(&mutex);
        result.emplace(std::move(value));
      });
    });
    absl::MutexLock lock(&mutex);
    mutex.Await(absl::Condition(
        +[](std::optional<Result>* r) { return r->has_value(); }, &result));
    return *std::move(result);
  }

  UniqueFd lock_;
  WriteQueue writes_;
  std::vector<std::unique_ptr<Reader>> readers_;
  JobThreads threads_;  // destroyed first: its jobs use all else
};

absl::StatusOr<std::unique_ptr<Database>> OpenWriter(const std::string& file) {
  // Made here, so that nobody else may read it; SQLite gives the files beside it the same mode.
  DRAY_RETURN_IF_ERROR(OpenFile(file, O_RDWR | O_CREAT, 0600).status());
  DRAY_ASSIGN_OR_RETURN(auto writer, Database::Open(file, Database::Mode::kReadWrite));
  if (absl::Status s = Migrate(*writer, NewestSchema()); !s.ok()) {
    return WithContext(s, EscapeName(file));
  }
  return writer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Catalog>> OpenSqliteCatalog(SqliteCatalogOptions options) {
  const std::string folder = std::filesystem::path(options.file).parent_path().string();
  if (!folder.empty()) DRAY_RETURN_IF_ERROR(MakeFolders(folder));
  DRAY_ASSIGN_OR_RETURN(UniqueFd lock, LockCatalog(options.file));
  DRAY_ASSIGN_OR_RETURN(auto writer, OpenWriter(options.file));
  DRAY_RETURN_IF_ERROR(SyncFolder(folder.empty() ? "." : folder));
  std::vector<std::unique_ptr<Reader>> readers;
  for (size_t i = 0; i < options.readers; ++i) {
    DRAY_ASSIGN_OR_RETURN(auto database, Database::Open(options.file, Database::Mode::kReadOnly));
    readers.push_back(std::make_unique<Reader>(std::move(database)));
  }
  return std::make_unique<SqliteCatalog>(std::move(lock), std::move(readers),
                                         std::move(options.writes), std::move(writer));
}

}  // namespace dray::delta
