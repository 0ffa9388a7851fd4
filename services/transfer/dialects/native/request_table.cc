#include "services/transfer/dialects/native/request_table.h"

namespace dray::transfer::native {

absl::Status RequestTable::Begin(const FrameHeader& header, SteadyTime now) {
  if (header.request == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(FrameTypeName(header.type), " with request id 0; choose another"));
  }
  if (requests_.contains(header.request)) {
    return absl::InvalidArgumentError(
        absl::StrCat(FrameTypeName(header.type), " with request id ", header.request,
                     ", which belongs to a request that is not answered yet"));
  }
  if (requests_.size() >= limit_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("more than ", limit_, " requests at once; wait for answers"));
  }
  requests_[header.request] = Request{header.type, now, false};
  return absl::OkStatus();
}

RequestTable::Request* RequestTable::Find(uint16_t request) {
  const auto found = requests_.find(request);
  return found == requests_.end() ? nullptr : &found->second;
}

bool RequestTable::Cancelled(uint16_t request) const {
  const auto found = requests_.find(request);
  return found == requests_.end() || found->second.cancelled;
}

void RequestTable::CancelAll() {
  for (auto& [id, request] : requests_) request.cancelled = true;
}

}  // namespace dray::transfer::native
