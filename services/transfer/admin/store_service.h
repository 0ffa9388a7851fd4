#ifndef DRAY_SERVICES_TRANSFER_ADMIN_STORE_SERVICE_H_
#define DRAY_SERVICES_TRANSFER_ADMIN_STORE_SERVICE_H_

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>

#include "core/base/leases.h"
#include "core/segment/segment_store.h"

namespace dray::transfer {

// dray.transfer.v1.Store on `store`; each call is one of `operations`. Both must outlive it. Blocks
// the threads of a synchronous gRPC server on disk: it is meant for an admin port with few callers.
// Messages stay below 1 MiB.
std::unique_ptr<grpc::Service> MakeStoreService(SegmentStore* store, Leases* operations);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ADMIN_STORE_SERVICE_H_
