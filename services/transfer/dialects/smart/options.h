#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_SMART_OPTIONS_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_SMART_OPTIONS_H_

#include <chrono>
#include <string>

#include "services/transfer/dialects/classic_stream.h"

namespace dray::transfer::smart {

// docs/format/smart.md.
struct Options {
  ClassicStream::Options stream;
  // A command without a newline ends when nothing more has come for this long.
  std::chrono::milliseconds quiet{10};
  // Silence between commands, and in the middle of one.
  std::chrono::milliseconds idle_timeout{600'000};
  std::chrono::milliseconds data_timeout{60'000};
  // After a wrong password.
  std::chrono::milliseconds password_pause{500};
  // The administrator's, for DELETE; empty: nobody may.
  std::string admin_password;
};

}  // namespace dray::transfer::smart

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_SMART_OPTIONS_H_
