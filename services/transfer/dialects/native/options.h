#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_OPTIONS_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_OPTIONS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/framing/frame.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray::transfer::native {

// docs/format/wire.md, "Limits".
struct Options {
  // Granted to clients.
  uint32_t frame_bytes = kMaxFramePayloadBytes;
  uint32_t requests = kDefaultRequests;
  uint64_t unacknowledged_bytes = kDefaultUnacknowledgedBytes;

  // How long a client may stay silent.
  std::chrono::milliseconds hello_timeout{10'000};
  std::chrono::milliseconds upload_timeout{60'000};
  std::chrono::milliseconds idle_timeout{600'000};
  // How long it may take nothing of what is to be sent.
  std::chrono::milliseconds write_timeout{60'000};
  // A request without an answer for this long is told that it goes on.
  std::chrono::milliseconds working_period{3'000};

  // When the server was started, for Status: nanoseconds since 1970.
  int64_t started_ns = 0;
  // Fills in what the whole server counted and how the parts behind it are, for Status. May be
  // empty. May block for a short while.
  std::function<void(wire::v1::StatusReply*)> describe;
};

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_OPTIONS_H_
