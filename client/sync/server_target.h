#ifndef DRAY_CLIENT_SYNC_SERVER_TARGET_H_
#define DRAY_CLIENT_SYNC_SERVER_TARGET_H_

#include <memory>

#include "client/jobs.h"
#include "client/put_session.h"
#include "client/sync/sync_target.h"

namespace dray {

// A folder of the server: what is to be done is put and deleted there.
class ServerTarget : public SyncTarget {
 public:
  explicit ServerTarget(const SyncContext& context);

  absl::Status Begin() override;
  absl::Status Execute(const SyncRecord& record) override;
  absl::Status Settle() override;
  absl::Status Remove(const SpillList& extras) override;
  absl::Status ExecuteBlocked(const SpillList& blocked, bool removed) override;
  absl::Status End(const SpillList& folders) override;

 private:
  absl::Status Put(const SyncEntry& entry);
  // Deletes something that is no folder, or an empty one.
  absl::Status DeleteOne(const std::string& path);

  const SyncContext& context_;
  PutOptions put_options_;
  std::unique_ptr<PutSession> session_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_SERVER_TARGET_H_
