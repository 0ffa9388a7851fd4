#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_OPTIONS_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_OPTIONS_H_

#include <chrono>

#include "services/transfer/dialects/classic_stream.h"

namespace dray::transfer::robust {

// docs/format/robust.md.
struct Options {
  ClassicStream::Options stream;
  // How long a client may take between two bytes of its request.
  std::chrono::milliseconds request_timeout{10'000};
  // How long an answer waits for the file's MD5; clients give up after 10 s.
  std::chrono::milliseconds md5_patience{5'000};
};

}  // namespace dray::transfer::robust

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_ROBUST_OPTIONS_H_
