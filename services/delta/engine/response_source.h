#ifndef DRAY_SERVICES_DELTA_ENGINE_RESPONSE_SOURCE_H_
#define DRAY_SERVICES_DELTA_ENGINE_RESPONSE_SOURCE_H_

#include <vector>

#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// Makes the messages of a stream, a few at a time, each time from a fresh view: no view is held
// while the stream's reader is slow. Not thread-safe.
template <typename Response>
class ResponseSource {
 public:
  virtual ~ResponseSource() = default;
  // Appends the next messages: some tens to hundreds of KiB in all, each well below 1 MiB. Returns
  // whether there are more.
  virtual absl::StatusOr<bool> Next(CatalogView& view, std::vector<Response>* messages) = 0;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_RESPONSE_SOURCE_H_
