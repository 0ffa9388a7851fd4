#include "services/delta/engine/roots.h"

#include <optional>
#include <string>

#include "core/base/ids.h"
#include "services/delta/engine/names.h"

namespace dray::delta {
namespace {

constexpr int kMaxItems = 256;

// Nothing for what is not there, or no file.
absl::StatusOr<std::optional<Root>> RootOf(CatalogView& view,
                                           const v1::FindRootsRequest::Item& item,
                                           FolderCache* folders) {
  const auto entry = FindLive(view, item.path(), folders);
  if (absl::IsNotFound(entry.status()) || absl::IsFailedPrecondition(entry.status())) {
    return std::nullopt;
  }
  if (!entry.ok()) return entry.status();
  if (item.number() == 0 || item.number() == entry->head.number) return entry->head.root;
  DRAY_ASSIGN_OR_RETURN(const auto older, view.FindVersion(entry->id, item.number()));
  return older ? older->root : std::nullopt;
}

}  // namespace

absl::Status FindRoots(CatalogView& view, const v1::FindRootsRequest& request,
                       v1::FindRootsResponse* response) {
  if (request.items_size() > kMaxItems) {
    return absl::InvalidArgumentError(
        absl::StrCat("at most ", kMaxItems, " roots are asked for at once"));
  }
  FolderCache folders;
  for (const v1::FindRootsRequest::Item& item : request.items()) {
    DRAY_ASSIGN_OR_RETURN(const std::optional<Root> root, RootOf(view, item, &folders));
    response->mutable_roots()->append(root.value_or(Root()).view());
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
