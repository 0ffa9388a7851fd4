#ifndef DRAY_SERVICES_DELTA_AUDIT_STORE_CLIENT_H_
#define DRAY_SERVICES_DELTA_AUDIT_STORE_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "services/delta/catalog/types.h"

namespace dray::delta {

// What check and rebuild ask of transfer's admin port. Blocks; one call at a time. UNAVAILABLE when
// transfer cannot be reached, or is lost in the middle.
class StoreClient {
 public:
  // Waits 10 s at most for transfer at `address` ("HOST:PORT"; port 5050 where none is given).
  // What a catalog says that is opened afterwards stays true: while the client lives, transfer
  // deletes no segment.
  static absl::StatusOr<std::unique_ptr<StoreClient>> Connect(const std::string& address);
  virtual ~StoreClient() = default;

  // Bytes of a segment that are no record.
  struct DamagedRange {
    SegmentId segment{0};
    uint64_t offset = 0;
    uint64_t length = 0;
    std::string what;
  };
  // Reads every segment, and passes on what it holds, some thousand records at a time. Their bytes
  // have the right checksums; whether they have the right ids is for Verify to tell.
  virtual absl::Status Scan(
      const std::function<absl::Status(const std::vector<StoredChunk>&)>& on_records,
      const std::function<void(const DamagedRange&)>& on_damage) = 0;

  // A chunk that is not where the catalog says, or not what it is called.
  struct WrongChunk {
    StoredChunk chunk;
    std::string what;
  };
  // Reads these chunks and compares them with their ids. REQUIRES: 4096 of them at most.
  virtual absl::StatusOr<std::vector<WrongChunk>> Verify(
      const std::vector<StoredChunk>& chunks) = 0;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_AUDIT_STORE_CLIENT_H_
