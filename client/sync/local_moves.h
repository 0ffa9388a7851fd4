#ifndef DRAY_CLIENT_SYNC_LOCAL_MOVES_H_
#define DRAY_CLIENT_SYNC_LOCAL_MOVES_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "client/beneath_folder.h"
#include "client/incoming_file.h"
#include "client/jobs.h"
#include "client/sync/spill.h"
#include "client/sync/sync_entry.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

// Files of a local folder that the source has no more under their names. One that is missing may be
// among them: then it is moved or copied here instead of got. A file is read only where the length
// of a missing one is its own. Memory: 16 bytes for each file, and some 100 for each that was read;
// beyond a quarter of a million of them, no more are looked at. Not thread-safe.
class LocalMoves {
 public:
  absl::Status Add(const SyncEntry& extra);
  bool empty() const { return candidates_.empty(); }

  // Makes `file` of one that has its contents; false where there is none, or none any more. Where
  // `may_move`, that one is given the new name, else it is copied.
  absl::StatusOr<bool> Make(const RemoteFile& file, const GetOptions& options, bool may_move);

 private:
  struct Candidate {
    uint64_t size_bytes = 0;
    uint64_t place = 0;  // in entries_
  };

  // Reads all of this size that were not read yet.
  absl::Status ReadAll(const BeneathFolder& base, uint64_t size_bytes);
  absl::StatusOr<bool> MakeOf(const SyncEntry& entry, const RemoteFile& file,
                              const GetOptions& options, bool may_move, bool* moved);

  SpillList entries_;
  std::vector<Candidate> candidates_;
  bool sorted_ = false;
  absl::flat_hash_map<Root, std::vector<uint64_t>> places_;  // of those that were read
  std::set<uint64_t> sizes_read_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_LOCAL_MOVES_H_
