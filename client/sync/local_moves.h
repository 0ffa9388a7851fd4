#ifndef DRAY_CLIENT_SYNC_LOCAL_MOVES_H_
#define DRAY_CLIENT_SYNC_LOCAL_MOVES_H_

#include <compare>
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

// Files of a local folder of which missing ones may be made instead of got: extra ones, which the
// source has no more under their names, are moved or copied; kept ones, which are as the source has
// them, are copied. An extra file is read only where the length of a missing one is its own; of a
// kept one the source tells the root. Memory: 16 bytes for each file, and some 100 for each extra
// one that was read; beyond a quarter of a million of either, no more are looked at. Not
// thread-safe.
class LocalMoves {
 public:
  absl::Status AddExtra(const SyncEntry& extra);
  // The file as the source has it.
  absl::Status AddKept(const SyncEntry& source);
  bool empty() const { return candidates_.empty() && kept_.empty(); }

  // Makes `file` of one that has its contents; false where there is none, or none any more. Where
  // `may_move`, an extra one is given the new name, else it is copied.
  absl::StatusOr<bool> Make(const RemoteFile& file, const GetOptions& options, bool may_move);

 private:
  struct Candidate {
    uint64_t size_bytes = 0;
    uint64_t place = 0;  // in entries_
  };
  struct Kept {
    uint64_t root_prefix = 0;
    uint64_t place = 0;  // in kept_names_

    friend auto operator<=>(const Kept&, const Kept&) = default;
  };

  absl::StatusOr<bool> MakeOfExtra(const RemoteFile& file, const GetOptions& options,
                                   bool may_move);
  absl::StatusOr<bool> MakeOfKept(const RemoteFile& file, const GetOptions& options);
  // Reads all of this size that were not read yet.
  absl::Status ReadAll(const BeneathFolder& base, uint64_t size_bytes);
  absl::StatusOr<bool> MakeOf(const SyncEntry& entry, const RemoteFile& file,
                              const GetOptions& options, bool may_move, bool* moved);

  SpillList entries_;
  std::vector<Candidate> candidates_;
  bool sorted_ = false;
  absl::flat_hash_map<Root, std::vector<uint64_t>> places_;  // of those that were read
  std::set<uint64_t> sizes_read_;
  SpillList kept_names_;
  std::vector<Kept> kept_;
  bool kept_sorted_ = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_LOCAL_MOVES_H_
