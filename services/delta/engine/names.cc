#include "services/delta/engine/names.h"

#include <algorithm>
#include <vector>

#include "core/base/path.h"

namespace dray::delta {
namespace {

constexpr uint32_t kImplicitFolderMode = 0755;
constexpr size_t kChildrenPage = 256;

VersionRecord ImplicitFolder(int64_t now_ns) {
  VersionRecord folder;
  folder.metadata = {.kind = EntryKind::kFolder, .mode = kImplicitFolderMode, .mtime_ns = now_ns};
  return folder;
}

// NOT_FOUND unless it is there now.
absl::StatusOr<EntryRecord> ExpectLive(std::string_view path, std::optional<EntryRecord> entry) {
  if (!entry) return absl::NotFoundError(absl::StrCat("there is no ", Quoted(path)));
  if (entry->head.deleted()) {
    return absl::NotFoundError(
        absl::StrCat(Quoted(path), " was deleted; its history is kept, and it can be restored"));
  }
  return *std::move(entry);
}

absl::Status NotAFolder(std::string_view path) {
  return absl::FailedPreconditionError(absl::StrCat(
      Quoted(path), " is no folder, so nothing can lie in it; move or delete it first"));
}

}  // namespace

std::string Quoted(std::string_view path) {
  return path.empty() ? "the top" : absl::StrCat("\"", EscapeName(path), "\"");
}

std::string JoinPath(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty()) path += '/';
  return path.append(name);
}

absl::StatusOr<std::optional<EntryRecord>> FindAny(CatalogView& view, std::string_view path,
                                                   Moment at) {
  DRAY_ASSIGN_OR_RETURN(const auto names, SplitRemotePath(path));
  if (names.empty()) return view.FindEntry(kTopEntry);
  EntryId folder = kTopEntry;
  std::optional<EntryRecord> entry;
  for (std::string_view name : names) {
    DRAY_ASSIGN_OR_RETURN(
        entry, at == 0 ? view.FindEntry(folder, name) : view.FindEntryAt(folder, name, at));
    if (!entry) return std::nullopt;
    folder = entry->id;
  }
  return entry;
}

absl::StatusOr<EntryRecord> FindLive(CatalogView& view, std::string_view path, Moment at) {
  DRAY_ASSIGN_OR_RETURN(std::optional<EntryRecord> entry, FindAny(view, path, at));
  if (at != 0 && (!entry || entry->head.deleted())) {
    return absl::NotFoundError(absl::StrCat("there was no ", Quoted(path), " at that time"));
  }
  return ExpectLive(path, std::move(entry));
}

absl::Status NoSuchVersion(std::string_view path, const EntryRecord& entry, uint64_t number) {
  if (number < entry.head.number) {
    return absl::NotFoundError(absl::StrCat("version ", number, " of ", Quoted(path),
                                            " is no longer kept; dray log tells which are"));
  }
  return absl::NotFoundError(absl::StrCat(Quoted(path), " has no version ", number,
                                          "; the newest is ", entry.head.number));
}

absl::Status NoLongerKept(uint64_t number) {
  return absl::FailedPreconditionError(
      absl::StrCat("this was done already, as version ", number,
                   ", which was replaced since and is no longer kept; look at what is there now"));
}

absl::StatusOr<std::string> PathOf(CatalogView& view, EntryId entry) {
  std::string path;
  while (entry != kTopEntry) {
    DRAY_ASSIGN_OR_RETURN(const std::optional<EntryRecord> record, view.FindEntry(entry));
    if (!record) {
      return absl::DataLossError("an entry of the catalog lies in no folder; run dray-delta check");
    }
    path = path.empty() ? record->name : JoinPath(record->name, path);
    entry = record->parent;
  }
  return path;
}

absl::Status ForEachChild(CatalogView& view, EntryId folder,
                          absl::FunctionRef<absl::Status(const EntryRecord&)> visit) {
  std::string after;
  while (true) {
    std::vector<EntryRecord> page;
    DRAY_RETURN_IF_ERROR(view.VisitChildren(folder, after, [&](EntryRecord entry) {
      page.push_back(std::move(entry));
      return page.size() < kChildrenPage;
    }));
    for (const EntryRecord& entry : page) DRAY_RETURN_IF_ERROR(visit(entry));
    if (page.size() < kChildrenPage) return absl::OkStatus();
    after = page.back().name;
  }
}

absl::StatusOr<SplitPath> SplitOff(std::string_view path) {
  DRAY_ASSIGN_OR_RETURN(const auto names, SplitRemotePath(path));
  if (names.empty()) {
    return absl::InvalidArgumentError("the top itself cannot be changed; name something in it");
  }
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return SplitPath{.folder = {}, .name = path};
  return SplitPath{.folder = path.substr(0, slash), .name = path.substr(slash + 1)};
}

absl::StatusOr<std::optional<EntryId>> FindFolder(CatalogView& view, std::string_view path,
                                                  FolderCache* cache) {
  if (path.empty()) return kTopEntry;
  std::string key(path);
  if (const auto cached = cache->find(key); cached != cache->end()) return cached->second;
  DRAY_ASSIGN_OR_RETURN(const SplitPath split, SplitOff(path));
  DRAY_ASSIGN_OR_RETURN(const std::optional<EntryId> above, FindFolder(view, split.folder, cache));
  if (!above) return std::nullopt;
  DRAY_ASSIGN_OR_RETURN(const auto entry, view.FindEntry(*above, split.name));
  if (!entry || entry->head.deleted()) return std::nullopt;
  if (!entry->head.folder()) return NotAFolder(path);
  (*cache)[std::move(key)] = entry->id;
  return entry->id;
}

absl::StatusOr<EntryRecord> FindLive(CatalogView& view, std::string_view path, FolderCache* cache) {
  DRAY_ASSIGN_OR_RETURN(const SplitPath split, SplitOff(path));
  const auto folder = FindFolder(view, split.folder, cache);
  if (!folder.ok() || !*folder) return FindLive(view, path);
  DRAY_ASSIGN_OR_RETURN(auto entry, view.FindEntry(**folder, split.name));
  return ExpectLive(path, std::move(entry));
}

absl::StatusOr<EntryId> NameWriter::MakeFolder(std::string_view path) {
  DRAY_ASSIGN_OR_RETURN(const auto existing, FindFolder(transaction_, path, &folders_));
  if (existing) return *existing;
  DRAY_ASSIGN_OR_RETURN(const SplitPath split, SplitOff(path));
  DRAY_ASSIGN_OR_RETURN(const EntryId above, MakeFolder(split.folder));
  DRAY_ASSIGN_OR_RETURN(const EntryRecord made, Put(above, split.name, ImplicitFolder(now_ns_)));
  folders_[std::string(path)] = made.id;
  return made.id;
}

VersionRecord NameWriter::Draft(const VersionRecord& content, uint64_t number,
                                int64_t after_ns) const {
  VersionRecord version = content;
  version.number = number;
  version.author = author_;
  version.committed_ns = std::max(now_ns_, after_ns + 1);
  if (!version.deleted()) version.change = ChangeId{0};
  return version;
}

absl::StatusOr<VersionRecord> NameWriter::Append(const EntryRecord& entry,
                                                 const VersionRecord& content) {
  VersionRecord version = Draft(content, entry.head.number + 1, entry.head.committed_ns);
  DRAY_RETURN_IF_ERROR(transaction_.AddVersion(entry.id, version));
  ++versions_made_;
  return version;
}

absl::StatusOr<EntryRecord> NameWriter::Create(EntryId folder, std::string_view name,
                                               const VersionRecord& content) {
  EntryRecord entry{.parent = folder, .name = std::string(name), .head = Draft(content, 1, 0)};
  DRAY_ASSIGN_OR_RETURN(entry.id, transaction_.AddEntry(folder, name));
  DRAY_RETURN_IF_ERROR(transaction_.AddVersion(entry.id, entry.head));
  ++versions_made_;
  return entry;
}

absl::StatusOr<EntryRecord> NameWriter::Put(EntryId folder, std::string_view name,
                                            const VersionRecord& content) {
  DRAY_ASSIGN_OR_RETURN(std::optional<EntryRecord> entry, transaction_.FindEntry(folder, name));
  if (!entry) return Create(folder, name, content);
  DRAY_ASSIGN_OR_RETURN(entry->head, Append(*entry, content));
  return *std::move(entry);
}

absl::StatusOr<VersionRecord> NameWriter::AppendDeletion(const EntryRecord& entry,
                                                         ChangeId change) {
  VersionRecord deletion;
  deletion.metadata = {.kind = EntryKind::kDeleted, .mtime_ns = now_ns_};
  deletion.change = change;
  return Append(entry, deletion);
}

}  // namespace dray::delta
