#ifndef DRAY_SERVICES_TRANSFER_ENGINE_SLAB_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_SLAB_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/bytes.h"

namespace dray::transfer {

// A buffer that bytes are received into; what was received is used where it lies, by several
// holders. Large ones are mapped by themselves, so that memory goes back to the system with the
// last holder, but for a few spare ones.
class Slab {
 public:
  static constexpr size_t kLargeBytes = 2u << 20;

  // At least `bytes` long; everything above a quarter of a large slab is a large one. REQUIRES:
  // bytes <= kLargeBytes.
  static std::shared_ptr<Slab> Make(size_t bytes);
  ~Slab();

  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  uint8_t* data() { return data_; }
  size_t size() const { return size_; }

 private:
  Slab(uint8_t* data, size_t size) : data_(data), size_(size) {}

  uint8_t* const data_;
  const size_t size_;
};

// A view into a slab, and a share of it.
struct Slice {
  std::shared_ptr<Slab> slab;
  Bytes bytes;
};

// Data frames as they were received: whole frames lie one after the other in each slice.
class DataRun {
 public:
  // Adds one whole frame. Neighbours in one slab become one slice.
  void Add(const Slice& frame) { Add(frame, frame.bytes.size()); }
  // The same for a frame that its sender's credit was charged another amount for.
  void Add(const Slice& frame, size_t credit_bytes);

  const std::vector<Slice>& slices() const { return slices_; }
  size_t size_bytes() const { return size_bytes_; }
  size_t credit_bytes() const { return credit_bytes_; }
  size_t frames() const { return frames_; }
  bool empty() const { return frames_ == 0; }

 private:
  std::vector<Slice> slices_;
  size_t size_bytes_ = 0;
  size_t credit_bytes_ = 0;
  size_t frames_ = 0;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_SLAB_H_
