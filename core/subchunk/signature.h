#ifndef DRAY_CORE_SUBCHUNK_SIGNATURE_H_
#define DRAY_CORE_SUBCHUNK_SIGNATURE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/bytes.h"
#include "core/base/status.h"

struct rs_signature;

namespace dray {

// Signatures of bases: docs/format/wire.md, "Bases". The strong hash only has to make a wrong match
// rare: the chunk's id finds it.
inline constexpr size_t kBlockWeakBytes = 4;
inline constexpr size_t kBlockStrongBytes = 2;
inline constexpr size_t kBlockHashBytes = kBlockWeakBytes + kBlockStrongBytes;
inline constexpr uint32_t kMinBlockBytes = 64;
inline constexpr uint32_t kMaxBlockBytes = 64 * 1024;
inline constexpr size_t kMaxBaseBytes = 768 * 1024;

// The block length for which the signature and the literals around one edit are least, with a
// signature of at most `most_bytes`; 0 when a signature that short would find nothing.
uint32_t ChooseBlockBytes(size_t base_bytes, size_t most_bytes);

// A weak and a strong hash for each block of the base, one after the other; only the last block may
// be shorter. REQUIRES: 1 to kMaxBaseBytes bytes, a block length within the limits.
absl::StatusOr<std::string> SignBlocks(Bytes base, uint32_t block_bytes);

// A peer's signature, ready to be searched. Not thread-safe.
class BlockSignature {
 public:
  // INVALID_ARGUMENT for lengths that SignBlocks cannot have made.
  static absl::StatusOr<BlockSignature> Load(uint32_t block_bytes, Bytes hashes);
  BlockSignature(BlockSignature&&) noexcept;
  BlockSignature& operator=(BlockSignature&&) noexcept;
  ~BlockSignature();

  // Writes what makes `chunk` of the base to `out`; returns its length, or 0 when it does not fit.
  absl::StatusOr<size_t> MakeDelta(Bytes chunk, MutableBytes out) const;

 private:
  struct Free {
    void operator()(rs_signature* signature) const;
  };
  explicit BlockSignature(rs_signature* signature) : signature_(signature) {}

  std::unique_ptr<rs_signature, Free> signature_;
};

// Fills `out` from a delta and the base. INVALID_ARGUMENT when the delta is none, reaches outside
// the base, or does not make exactly that many bytes. Whether they are the right ones, the id
// tells.
absl::Status ApplyDelta(Bytes delta, Bytes base, MutableBytes out);

}  // namespace dray

#endif  // DRAY_CORE_SUBCHUNK_SIGNATURE_H_
