#ifndef DRAY_SERVICES_DELTA_ENGINE_NAMES_H_
#define DRAY_SERVICES_DELTA_ENGINE_NAMES_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "services/delta/catalog/catalog.h"

// Finding and making entries by their paths; paths are those of core/base/path.h.
namespace dray::delta {

// "the top" or the path in quotes, fit for a message.
std::string Quoted(std::string_view path);

// `folder`/`name`; only `name` at the top.
std::string JoinPath(std::string_view folder, std::string_view name);

// When a name is looked at: nanoseconds since 1970, or 0 for now.
using Moment = int64_t;

// The entry of a path, live or deleted; nothing if there never was one (or it was moved away). Of
// an earlier moment: as CatalogView::FindEntryAt() has it.
absl::StatusOr<std::optional<EntryRecord>> FindAny(CatalogView& view, std::string_view path,
                                                   Moment at = 0);

// The live entry of a path; NOT_FOUND else.
absl::StatusOr<EntryRecord> FindLive(CatalogView& view, std::string_view path, Moment at = 0);

// NOT_FOUND: an entry has no version of that number, or no longer.
absl::Status NoSuchVersion(std::string_view path, const EntryRecord& entry, uint64_t number);

// FAILED_PRECONDITION for the repetition of a request whose version is dropped by now: to do it
// again would undo what others did since.
absl::Status NoLongerKept(uint64_t number);

// Where an entry lies now.
absl::StatusOr<std::string> PathOf(CatalogView& view, EntryId entry);

// Calls `visit` for every child of a folder, live or not, in order of their names; `visit` may use
// the view, and change the catalog.
absl::Status ForEachChild(CatalogView& view, EntryId folder,
                          absl::FunctionRef<absl::Status(const EntryRecord&)> visit);

// Folders looked up before, by path. Valid for one view, until something in it is undone.
using FolderCache = absl::flat_hash_map<std::string, EntryId>;

// A path, cut into the folder that holds it and its last name; both views point into `path`.
struct SplitPath {
  std::string_view folder;
  std::string_view name;
};
// INVALID_ARGUMENT for a path that is none, and for the top.
absl::StatusOr<SplitPath> SplitOff(std::string_view path);

// The live folder at `path`; nothing if there is none. FAILED_PRECONDITION if a file or a link is
// in its place or above.
absl::StatusOr<std::optional<EntryId>> FindFolder(CatalogView& view, std::string_view path,
                                                  FolderCache* cache);

// As FindLive() above, with the folders that were looked up before.
absl::StatusOr<EntryRecord> FindLive(CatalogView& view, std::string_view path, FolderCache* cache);

// Makes versions for one request: all have its author, and its time where the clock did not jump
// back. Not thread-safe.
class NameWriter {
 public:
  // `transaction` outlives this.
  NameWriter(CatalogTransaction& transaction, int64_t now_ns, std::string author)
      : transaction_(transaction), now_ns_(now_ns), author_(std::move(author)) {}

  CatalogTransaction& transaction() { return transaction_; }
  FolderCache* folders() { return &folders_; }
  int64_t now_ns() const { return now_ns_; }
  // Made so far.
  uint64_t versions_made() const { return versions_made_; }

  // The folder at `path`; it and those above are made where they are missing.
  absl::StatusOr<EntryId> MakeFolder(std::string_view path);
  // A version after `entry`'s newest, with the content of `content` (kind, mode, root and so on).
  absl::StatusOr<VersionRecord> Append(const EntryRecord& entry, const VersionRecord& content);
  // A first version under a new name.
  absl::StatusOr<EntryRecord> Create(EntryId folder, std::string_view name,
                                     const VersionRecord& content);
  // Create, or Append where the name has an entry.
  absl::StatusOr<EntryRecord> Put(EntryId folder, std::string_view name,
                                  const VersionRecord& content);
  // A version that says that nothing is there.
  absl::StatusOr<VersionRecord> AppendDeletion(const EntryRecord& entry, ChangeId change);

 private:
  VersionRecord Draft(const VersionRecord& content, uint64_t number, int64_t after_ns) const;

  CatalogTransaction& transaction_;
  const int64_t now_ns_;
  const std::string author_;
  FolderCache folders_;
  uint64_t versions_made_ = 0;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_NAMES_H_
