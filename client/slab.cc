#include "client/slab.h"

#include <utility>

namespace dray {

std::shared_ptr<SlabPool> SlabPool::Make(size_t limit) {
  return std::shared_ptr<SlabPool>(new SlabPool(limit));
}

std::shared_ptr<Slab> SlabPool::Take() {
  std::unique_ptr<Slab> slab;
  {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](SlabPool* self) ABSL_NO_THREAD_SAFETY_ANALYSIS { return self->CanTake(); }, this));
    if (closed_) return nullptr;
    ++taken_;
    if (!free_.empty()) {
      slab = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (slab == nullptr) slab = std::make_unique<Slab>();
  return std::shared_ptr<Slab>(slab.release(), [pool = shared_from_this()](Slab* used) {
    pool->Return(std::unique_ptr<Slab>(used));
  });
}

void SlabPool::Return(std::unique_ptr<Slab> slab) {
  absl::MutexLock lock(&mu_);
  --taken_;
  free_.push_back(std::move(slab));
}

void SlabPool::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
}

}  // namespace dray
