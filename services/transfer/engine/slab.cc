#include "services/transfer/engine/slab.h"

#include <sys/mman.h>

#include <cassert>
#include <new>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace dray::transfer {
namespace {

// Large slabs kept for the next user: their pages are there already.
class SpareSlabs {
 public:
  uint8_t* Take() {
    absl::MutexLock lock(&mu_);
    if (spare_.empty()) return nullptr;
    uint8_t* const data = spare_.back();
    spare_.pop_back();
    return data;
  }

  bool Keep(uint8_t* data) {
    absl::MutexLock lock(&mu_);
    if (spare_.size() >= kMaxSpare) return false;
    spare_.push_back(data);
    return true;
  }

 private:
  static constexpr size_t kMaxSpare = 8;

  absl::Mutex mu_;
  std::vector<uint8_t*> spare_ ABSL_GUARDED_BY(mu_);
};

SpareSlabs& Spares() {
  static SpareSlabs* const spares = new SpareSlabs;
  return *spares;
}

uint8_t* MapLarge() {
  void* const data =
      mmap(nullptr, Slab::kLargeBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return static_cast<uint8_t*>(data);
}

}  // namespace

std::shared_ptr<Slab> Slab::Make(size_t bytes) {
  assert(bytes <= kLargeBytes);
  if (bytes <= kLargeBytes / 4) {
    return std::shared_ptr<Slab>(new Slab(static_cast<uint8_t*>(::operator new(bytes)), bytes));
  }
  uint8_t* data = Spares().Take();
  if (data == nullptr) data = MapLarge();
  return std::shared_ptr<Slab>(new Slab(data, kLargeBytes));
}

Slab::~Slab() {
  if (size_ < kLargeBytes) {
    ::operator delete(data_);
  } else if (!Spares().Keep(data_)) {
    munmap(data_, kLargeBytes);
  }
}

void DataRun::Add(const Slice& frame, size_t credit_bytes) {
  credit_bytes_ += credit_bytes;
  size_bytes_ += frame.bytes.size();
  ++frames_;
  if (!slices_.empty()) {
    Slice& last = slices_.back();
    if (last.slab == frame.slab && last.bytes.end() == frame.bytes.begin()) {
      last.bytes = Bytes(last.bytes.data(), last.bytes.size() + frame.bytes.size());
      return;
    }
  }
  slices_.push_back(frame);
}

}  // namespace dray::transfer
