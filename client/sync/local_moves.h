#ifndef DRAY_CLIENT_SYNC_LOCAL_MOVES_H_
#define DRAY_CLIENT_SYNC_LOCAL_MOVES_H_

#include <compare>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "client/beneath_folder.h"
#include "client/incoming_file.h"
#include "client/jobs.h"
#include "client/sync/spill.h"
#include "client/sync/sync_entry.h"
#include "client/sync/sync_target.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

// Files of a local folder of which missing ones may be made instead of got: extra ones, which the
// source has no more under their names, are moved or copied; kept ones, which are as the source has
// them, are copied. An extra file is read, and the source asked for the root of a kept one, only
// where the length of a missing one is its own. Memory: 16 bytes for each file, and some 100 for
// each that was looked at closer; beyond a quarter of a million of either, no more are looked at.
// Not thread-safe.
class LocalMoves {
 public:
  absl::Status AddExtra(const SyncEntry& extra) { return extras_.Add(extra); }
  // The file as the source has it.
  absl::Status AddKept(const SyncEntry& source) { return kept_.Add(source); }
  bool empty() const { return extras_.empty() && kept_.empty(); }

  // Makes `file` of one that has its contents; false where there is none, or none any more. Where
  // `may_move`, the extra one is given the new name, else it is copied.
  absl::StatusOr<bool> MakeOfExtra(const RemoteFile& file, const GetOptions& options,
                                   bool may_move);
  // Learns what MakeOfKept needs to know for these missing files.
  absl::Status PrepareKept(const SyncContext& context, absl::Span<const SyncEntry> missing);
  // The same. REQUIRES: PrepareKept was told of the file.
  absl::StatusOr<bool> MakeOfKept(const RemoteFile& file, const GetOptions& options);

 private:
  struct Candidate {
    uint64_t size_bytes = 0;
    uint64_t place = 0;  // in the list of entries

    friend auto operator<=>(const Candidate&, const Candidate&) = default;
  };
  // Those of one kind.
  class Candidates {
   public:
    absl::Status Add(const SyncEntry& entry);
    bool empty() const { return candidates_.empty(); }
    // Those of this size, the first time that they are asked for.
    absl::Span<const Candidate> TakeOfSize(uint64_t size_bytes);
    absl::StatusOr<SyncEntry> At(uint64_t place) const;

   private:
    SpillList entries_;
    std::vector<Candidate> candidates_;
    bool sorted_ = false;
    std::set<uint64_t> sizes_taken_;
  };
  using Places = absl::flat_hash_map<Root, std::vector<uint64_t>>;

  // Asks for the roots of kept files.
  absl::Status TakeRoots(const SyncContext& context, std::vector<SyncEntry> kept,
                         const std::vector<uint64_t>& places);
  // Reads all extra ones of this size that were not read yet.
  absl::Status ReadAll(const BeneathFolder& base, uint64_t size_bytes);
  absl::StatusOr<bool> MakeOf(const SyncEntry& entry, const RemoteFile& file,
                              const GetOptions& options, bool may_move, bool* moved);

  Candidates extras_;
  Places extra_places_;  // of those that were read
  Candidates kept_;
  Places kept_places_;  // of those whose roots are known
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_LOCAL_MOVES_H_
