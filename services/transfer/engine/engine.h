#ifndef DRAY_SERVICES_TRANSFER_ENGINE_ENGINE_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_ENGINE_H_

namespace dray {
class SegmentStore;
}

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
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_ENGINE_H_
