#ifndef DRAY_CLIENT_SLAB_H_
#define DRAY_CLIENT_SLAB_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/bytes.h"
#include "core/framing/frame.h"

namespace dray {

// A fixed piece of memory that frames are received into and handed on in, without being copied.
class Slab {
 public:
  // Any whole frame fits.
  static constexpr size_t kBytes = kMaxFramePayloadBytes + 4096;

  uint8_t* data() { return memory_.get(); }

 private:
  // Not zeroed.
  std::unique_ptr<uint8_t[]> memory_{new uint8_t[kBytes]};
};

// Hands out at most `limit` slabs at a time and uses them again: what bounds a connection's memory
// when its frames are used slower than they arrive. Thread-safe. A slab that is still held outlives
// the pool.
class SlabPool : public std::enable_shared_from_this<SlabPool> {
 public:
  static std::shared_ptr<SlabPool> Make(size_t limit);

  // Waits until a slab is free. Null once closed.
  std::shared_ptr<Slab> Take();
  void Close();

 private:
  explicit SlabPool(size_t limit) : limit_(limit) {}
  void Return(std::unique_ptr<Slab> slab);
  bool CanTake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return closed_ || taken_ < limit_; }

  const size_t limit_;
  absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  size_t taken_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::unique_ptr<Slab>> free_ ABSL_GUARDED_BY(mu_);
};

// A whole data frame in received memory, which it keeps alive. Holding many of them stops the
// connection.
struct ReceivedData {
  std::shared_ptr<Slab> slab;
  Bytes frame;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SLAB_H_
