#ifndef DRAY_SERVICES_DELTA_COLLECTION_RETENTION_H_
#define DRAY_SERVICES_DELTA_COLLECTION_RETENTION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/time/time.h"
#include "core/base/status.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// Drops what no rule of retention keeps (docs/adr/0021-retention.md). To a path applies the rule
// with the longest prefix; without one everything is kept. A version that was replaced goes when it
// is beyond every bound that the rule has, oldest first; a deletion goes, and with it its entry,
// when nothing older is left, it is beyond the bound by age, and nothing lies beneath it.
//
// Bounds by age hold everything while the wall clock is more than an hour ahead of where it would
// be had it gone evenly since this was made: make it when the service starts. For one thread at a
// time.
class RetentionPass {
 public:
  struct Options {
    // The wall clock, by which versions are made; empty: the machine's.
    NowFunction now;
    // Nanoseconds of a clock that never jumps and goes on while the machine sleeps; empty: the
    // machine's.
    NowFunction steady_ns;
    // Entries looked at in one read: some milliseconds.
    size_t entries_at_once = 256;
    // After which a write makes way for others.
    absl::Duration job_time = absl::Milliseconds(4);
  };
  struct Dropped {
    uint64_t versions = 0;
    uint64_t entries = 0;  // with their last version, the deletion
    uint64_t damaged = 0;  // entries left alone, and logged, because a record of theirs is damaged
  };

  explicit RetentionPass(Options options);
  RetentionPass() : RetentionPass(Options()) {}

  // Goes through all entries once. Blocks, for as long as that takes: not for the catalog's
  // threads. `stopped` is asked between jobs: once it says so, this returns what was dropped until
  // then. Rules are read anew for every job: what is set or removed meanwhile counts at once. An
  // error (UNAVAILABLE, RESOURCE_EXHAUSTED; DATA_LOSS: a rule is damaged) ends the pass; what was
  // dropped before stays dropped, and the next pass goes on.
  absl::StatusOr<Dropped> Run(Catalog& catalog, absl::FunctionRef<bool()> stopped);

 private:
  struct Clock {
    int64_t now_ns = 0;
    bool trusted = true;
  };
  struct Candidates {
    std::vector<EntryId> entries;
    EntryId next{0};
    uint64_t damaged = 0;
  };

  Clock ReadClock();
  // Of the next entries by id, those of which something is to be dropped.
  absl::StatusOr<Candidates> Look(Catalog& catalog, EntryId before);
  absl::Status Drop(Catalog& catalog, std::vector<EntryId> entries,
                    absl::FunctionRef<bool()> stopped, Dropped* dropped);

  Options options_;
  int64_t started_ns_;
  int64_t started_steady_ns_;
  bool trusted_ = true;  // when the clock was read last
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_COLLECTION_RETENTION_H_
