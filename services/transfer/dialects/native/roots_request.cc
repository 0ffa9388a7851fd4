#include "services/transfer/dialects/native/roots_request.h"

#include <string>
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
  }
  return absl::OkStatus();
}

awaitable<void> SendRoots(std::shared_ptr<Connection> connection, uint16_t request,
                          wire::v1::GetRoots get) {
  delta::v1::ResolveRequest ask;
  for (wire::v1::VersionRef& version : *get.mutable_versions()) {
    delta::v1::ResolveRequest::Item* const item = ask.add_items();
    item->set_path(std::move(*version.mutable_path()));
    item->set_number(version.number());
    item->set_at_ns(version.at_ns());
    item->add_ranges();  // an empty one: no chunks
  }
  const auto stream = connection->engine().delta->Resolve(ask, connection->activity().info().id);
  wire::v1::Roots answer;
  delta::v1::ResolveResponse response;
  while (true) {
    response.Clear();
    const absl::StatusOr<bool> more = co_await stream->Read(&response);
    if (!more.ok()) co_return connection->FinishWithError(request, more.status());
    if (!*more) break;
    const std::string& root = response.header().version().root();
    answer.mutable_roots()->append(root.size() == kDigestBytes ? root
                                                               : std::string(kDigestBytes, '\0'));
  }
  if (answer.roots().size() != static_cast<size_t>(ask.items_size()) * kDigestBytes) {
    co_return connection->FinishWithError(
        request, absl::InternalError("delta's answer does not fit the roots asked for"));
  }
  connection->Finish(request, FrameType::kRoots, answer);
}

}  // namespace dray::transfer::native
