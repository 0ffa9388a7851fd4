#ifndef DRAY_SERVICES_DELTA_ENGINE_RESOLUTION_H_
#define DRAY_SERVICES_DELTA_ENGINE_RESOLUTION_H_

#include <optional>
#include <vector>

#include "dray/delta/v1/delta.pb.h"
#include "services/delta/engine/names.h"
#include "services/delta/engine/response_source.h"
#include "services/delta/engine/tree_walker.h"

namespace dray::delta {

// The version that a path and a number name. Number 0: the newest, NOT_FOUND when that is a
// deletion. Other numbers are found on deleted paths as well. Of an earlier moment, the path is
// what it was then, and number 0 stands for the newest version of then.
absl::StatusOr<VersionRecord> FindNumberedVersion(CatalogView& view, std::string_view path,
                                                  uint64_t number, Moment at = 0);

// Answers a ResolveRequest. An item's error is told in its header; only a damaged catalog fails the
// stream.
class ResolveSource final : public ResponseSource<v1::ResolveResponse> {
 public:
  // `request` outlives this.
  explicit ResolveSource(const v1::ResolveRequest* request) : request_(*request) {}
  absl::StatusOr<bool> Next(CatalogView& view, std::vector<v1::ResolveResponse>* messages) override;

 private:
  absl::StatusOr<v1::ResolveResponse::Header> StartItem(CatalogView& view,
                                                        const v1::ResolveRequest::Item& item);
  // Appends one message of chunks, at most `limit`; returns how many.
  absl::StatusOr<size_t> TellChunks(CatalogView& view, size_t limit,
                                    std::vector<v1::ResolveResponse>* messages);

  const v1::ResolveRequest& request_;
  int next_item_ = 0;
  std::optional<TreeWalker> walker_;  // of the item before next_item_, while it has chunks left
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_RESOLUTION_H_
