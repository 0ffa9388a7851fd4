#include "services/transfer/dialects/native/roots_request.h"

#include <utility>

#include "core/base/ids.h"
#include "core/base/path.h"
#include "core/framing/frame.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/delta_client.h"

namespace dray::transfer::native {

using boost::asio::awaitable;

absl::Status CheckGetRoots(const wire::v1::GetRoots& get) {
  const int count = get.versions_size();
  if (count == 0 || static_cast<size_t>(count) > kMaxBatchItems) {
    return absl::InvalidArgumentError(
        absl::StrCat("roots of 1 to ", kMaxBatchItems, " versions may be asked for, not ", count));
  }
  for (const wire::v1::VersionRef& version : get.versions()) {
    DRAY_RETURN_IF_ERROR(SplitRemotePath(version.path()).status());
    if (version.path().empty()) return absl::InvalidArgumentError("the top has no root");
    if (version.at_ns() != 0) return absl::InvalidArgumentError("roots are told of now alone");
  }
  return absl::OkStatus();
}

awaitable<void> SendRoots(std::shared_ptr<Connection> connection, uint16_t request,
                          wire::v1::GetRoots get) {
  delta::v1::FindRootsRequest ask;
  for (wire::v1::VersionRef& version : *get.mutable_versions()) {
    delta::v1::FindRootsRequest::Item* const item = ask.add_items();
    item->set_path(std::move(*version.mutable_path()));
    item->set_number(version.number());
  }
  const size_t asked = static_cast<size_t>(get.versions_size());
  auto found = co_await connection->engine().delta->FindRoots(std::move(ask),
                                                              connection->activity().info().id);
  if (absl::IsUnimplemented(found.status())) {
    found = absl::UnimplementedError(
        "the server's delta service is older than its front door and cannot be asked for roots; "
        "upgrade dray-delta");
  } else if (found.ok() && found->roots().size() != asked * kDigestBytes) {
    found = absl::InternalError("delta's answer does not fit the roots asked for");
  }
  if (!found.ok()) co_return connection->FinishWithError(request, found.status());
  wire::v1::Roots answer;
  answer.set_roots(std::move(*found->mutable_roots()));
  connection->Finish(request, FrameType::kRoots, answer);
}

}  // namespace dray::transfer::native
