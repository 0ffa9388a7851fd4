#ifndef DRAY_SERVICES_TRANSFER_ENGINE_COMPACTION_OPTIONS_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_COMPACTION_OPTIONS_H_

#include <chrono>

namespace dray::transfer {

// When the compactor works.
struct CompactionOptions {
  std::chrono::milliseconds every{60'000};  // 0: never
  // A segment is rewritten when less than this share of it is needed.
  double rewrite_below = 0.5;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_COMPACTION_OPTIONS_H_
