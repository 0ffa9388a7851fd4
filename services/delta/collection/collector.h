#ifndef DRAY_SERVICES_DELTA_COLLECTION_COLLECTOR_H_
#define DRAY_SERVICES_DELTA_COLLECTION_COLLECTOR_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "core/base/leases.h"
#include "core/base/status.h"
#include "services/delta/catalog/catalog.h"
#include "services/delta/collection/retention.h"

namespace dray::delta {

// What a collection removed from the catalog.
struct Collected {
  uint64_t versions = 0;  // that retention does not keep
  uint64_t entries = 0;
  uint64_t nodes = 0;
  uint64_t chunks = 0;
  uint64_t stored_bytes = 0;  // of the chunks' records
  size_t waits_for = 0;       // calls that have to end before more can go
};

// Drops what retention does not keep, and collects garbage: see README.md. Does its work on a
// thread of its own, in short jobs of the catalog with pauses between them as long as they are.
// Thread-safe.
class Collector {
 public:
  struct Options {
    // Zero: only when asked.
    absl::Duration every;
    // For how long a run waits for calls that began before; then it ends, and the next one goes on.
    absl::Duration patience = absl::Seconds(10);
    RetentionPass::Options retention;
    // Told what was removed, now and then. May be empty.
    std::function<void(const Collected&)> on_collected;
  };
  using Done = std::function<void(const absl::StatusOr<Collected>&)>;

  // `calls` are those that may rely on what they were told of the catalog. Both outlive this.
  Collector(Options options, Catalog* catalog, const Leases* calls);
  // What is asked for and not begun is answered with CANCELLED.
  ~Collector();

  // Runs once more, soon, and then calls `done` from the collector's thread.
  void Collect(Done done) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void RunThread() ABSL_LOCKS_EXCLUDED(mutex_);
  // Until nothing is left to collect, or what has to end first does not.
  absl::StatusOr<Collected> Run();
  absl::Status DropVersions(Collected* collected);
  // Whether something is condemned now.
  absl::StatusOr<bool> CondemnAll();
  // Nothing that is referred to is deleted because its count is wrong on the disk: looks through
  // everything that refers to anything, and leaves what it finds for `check` to tell.
  absl::Status SpareWhatIsReferredTo();
  absl::Status Spare(Garbage kind, absl::Span<const CondemnedRow> rows);
  // Whether all calls with numbers below condemned_before_ have ended within the patience.
  bool WaitForCalls();
  absl::Status DeleteAll(Collected* collected);
  absl::Status Sweep(const std::function<absl::StatusOr<Swept>(CatalogTransaction&, int64_t)>& step,
                     const std::function<void(const Swept&)>& on_step);
  bool stopping() const ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  Catalog& catalog_;
  const Leases& calls_;
  // On the thread alone.
  RetentionPass retention_;
  // What is condemned was condemned while calls below this might rely on it.
  std::optional<uint64_t> condemned_before_;
  // Rows may be condemned: by a run that failed, or by the service before it was started again.
  bool may_be_condemned_ = true;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Done> asked_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_COLLECTION_COLLECTOR_H_
