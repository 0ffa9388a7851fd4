#ifndef DRAY_CLIENT_SYNC_RECORD_H_
#define DRAY_CLIENT_SYNC_RECORD_H_

#include <string>
#include <string_view>

#include "client/sync/merge.h"
#include "client/sync/sync_entry.h"

namespace dray {

// A change as a SpillList or SpillQueue keeps it.
struct SyncRecord {
  SyncChange change;
  SyncEntry entry;
  bool alone = false;  // MergeSink::OnChange
};

std::string EncodeRecord(const SyncRecord& record);
// REQUIRES: of EncodeRecord, in this process.
SyncRecord DecodeRecord(std::string_view bytes);

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_RECORD_H_
