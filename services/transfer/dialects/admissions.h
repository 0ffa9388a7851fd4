#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_ADMISSIONS_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_ADMISSIONS_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/transfer/dialects/dialect.h"

namespace dray::transfer {

// Counts the connections that are there, and knows who serves them. Thread-safe.
class Admissions : public std::enable_shared_from_this<Admissions> {
 public:
  std::shared_ptr<Admission> Admit();

  size_t count() const;
  std::vector<std::shared_ptr<ServedConnection>> Served() const;
  // Drains all, and those that are served only later.
  void Drain();
  // Whether none was left before the time was over.
  bool AwaitNone(absl::Duration timeout) const;

 private:
  class Place;

  mutable absl::Mutex mu_;
  bool draining_ ABSL_GUARDED_BY(mu_) = false;
  absl::flat_hash_set<const Place*> places_ ABSL_GUARDED_BY(mu_);
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_ADMISSIONS_H_
