#include "services/transfer/dialects/admissions.h"

#include <utility>

#include "core/base/clock.h"

namespace dray::transfer {

// Its `served_` is guarded by the mutex of all.
class Admissions::Place final : public Admission {
 public:
  explicit Place(std::shared_ptr<Admissions> all) : all_(std::move(all)) {
    absl::MutexLock lock(&all_->mu_);
    all_->places_.insert(this);
  }
  ~Place() override {
    absl::MutexLock lock(&all_->mu_);
    all_->places_.erase(this);
  }

  void SetServed(std::weak_ptr<ServedConnection> served) override {
    std::shared_ptr<ServedConnection> late;
    {
      absl::MutexLock lock(&all_->mu_);
      served_.swap(served);
      if (all_->draining_) late = served_.lock();
    }
    if (late != nullptr) late->Drain();
  }
  std::shared_ptr<ServedConnection> served() const { return served_.lock(); }

 private:
  const std::shared_ptr<Admissions> all_;
  std::weak_ptr<ServedConnection> served_;
};

std::shared_ptr<Admission> Admissions::Admit() {
  return std::make_shared<Place>(shared_from_this());
}

size_t Admissions::count() const {
  absl::MutexLock lock(&mu_);
  return places_.size();
}

std::vector<std::shared_ptr<ServedConnection>> Admissions::Served() const {
  std::vector<std::shared_ptr<ServedConnection>> result;
  absl::MutexLock lock(&mu_);
  for (const Place* place : places_) {
    if (auto served = place->served()) result.push_back(std::move(served));
  }
  return result;
}

void Admissions::Drain() {
  {
    absl::MutexLock lock(&mu_);
    draining_ = true;
  }
  for (const auto& served : Served()) served->Drain();
}

bool Admissions::AwaitNone(absl::Duration timeout) const {
  return !SleepUnless([this] { return count() == 0; }, timeout);
}

}  // namespace dray::transfer
