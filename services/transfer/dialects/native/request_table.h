#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_REQUEST_TABLE_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_REQUEST_TABLE_H_

#include <cstdint>
#include <map>

#include "core/base/status.h"
#include "core/framing/frame.h"
#include "services/transfer/dialects/native/transport.h"

namespace dray::transfer::native {

// The requests of a connection that have not had their last answer. Not thread-safe.
class RequestTable {
 public:
  struct Request {
    FrameType type{};
    SteadyTime last_answer;
    bool cancelled = false;
  };

  explicit RequestTable(size_t limit) : limit_(limit) {}

  // INVALID_ARGUMENT for an id that is 0 or in use, RESOURCE_EXHAUSTED beyond the limit.
  absl::Status Begin(const FrameHeader& header, SteadyTime now);
  void End(uint16_t request) { requests_.erase(request); }
  // Null when there is none.
  Request* Find(uint16_t request);
  // True also for one that has ended.
  bool Cancelled(uint16_t request) const;
  void CancelAll();

  std::map<uint16_t, Request>& all() { return requests_; }
  const std::map<uint16_t, Request>& all() const { return requests_; }
  bool empty() const { return requests_.empty(); }

 private:
  const size_t limit_;
  std::map<uint16_t, Request> requests_;
};

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_REQUEST_TABLE_H_
