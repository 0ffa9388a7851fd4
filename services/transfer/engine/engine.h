#ifndef DRAY_SERVICES_TRANSFER_ENGINE_ENGINE_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_ENGINE_H_

namespace dray {
class Leases;
class SegmentStore;
}  // namespace dray

namespace dray::transfer {

class Activity;
class DeltaClient;
class DiskPool;
class Md5Keeper;

// What the operations of a transfer work with, whatever the dialect. Everything here outlives every
// connection.
struct Engine {
  SegmentStore* store = nullptr;
  DiskPool* disk = nullptr;
  DeltaClient* delta = nullptr;
  Activity* activity = nullptr;
  Md5Keeper* md5s = nullptr;
  // One for each operation that may know where chunks lie, from before it was told until it is
  // over: while it goes on, nothing is deleted that it may read, or have written.
  Leases* operations = nullptr;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_ENGINE_H_
