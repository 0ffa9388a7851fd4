#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NAME_REQUESTS_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NAME_REQUESTS_H_

#include <memory>

namespace dray::transfer::native {

class Connection;
struct ReceivedFrame;

// Starts to serve a request that moves no file data: List, Stat, History, Move, Delete, Restore,
// SetRetention, ListRetentions, Status, GetEntries, GetNodes, GetRoots. REQUIRES: the request was
// begun.
void StartNameRequest(std::shared_ptr<Connection> connection, const ReceivedFrame& frame);

}  // namespace dray::transfer::native

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_NATIVE_NAME_REQUESTS_H_
