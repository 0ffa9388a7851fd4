#ifndef DRAY_SERVICES_TRANSFER_ENGINE_METERED_STORE_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_METERED_STORE_H_

#include <prometheus/registry.h>

#include <memory>

#include "core/segment/segment_store.h"

namespace dray::transfer {

// `store`, with what is written to it counted and how long its syncs take measured. `registry`
// outlives it.
std::unique_ptr<SegmentStore> MeterStore(std::unique_ptr<SegmentStore> store,
                                         prometheus::Registry& registry);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_METERED_STORE_H_
