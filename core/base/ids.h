#ifndef DRAY_CORE_BASE_IDS_H_
#define DRAY_CORE_BASE_IDS_H_

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/base/bytes.h"

namespace dray {

inline constexpr size_t kDigestBytes = 32;

// A SHA-256 of something; the tag says of what, so that ids of different things do not mix.
template <typename Tag>
class Digest {
 public:
  Digest() = default;

  // Nothing unless `bytes` has exactly 32 bytes.
  static std::optional<Digest> FromBytes(Bytes bytes) {
    if (bytes.size() != kDigestBytes) return std::nullopt;
    Digest digest;
    std::memcpy(digest.bytes_.data(), bytes.data(), kDigestBytes);
    return digest;
  }
  static std::optional<Digest> FromBytes(std::string_view bytes) {
    return FromBytes(AsBytes(bytes));
  }

  // REQUIRES: 32 bytes at `at`.
  static Digest Load(const uint8_t* at) {
    Digest digest;
    std::memcpy(digest.bytes_.data(), at, kDigestBytes);
    return digest;
  }

  // The same 32 bytes as the id of something else: entries of nodes hold ids of either kind.
  template <typename Other>
  Digest<Other> As() const {
    return Digest<Other>::Load(bytes_.data());
  }

  const uint8_t* data() const { return bytes_.data(); }
  uint8_t* data() { return bytes_.data(); }
  Bytes bytes() const { return bytes_; }
  std::string_view view() const { return AsText(bytes_); }
  std::string hex() const {
    return absl::BytesToHexString({reinterpret_cast<const char*>(bytes_.data()), kDigestBytes});
  }

  friend bool operator==(const Digest&, const Digest&) = default;
  friend auto operator<=>(const Digest&, const Digest&) = default;

  // Digests are uniform already: eight of their bytes are hash enough.
  template <typename H>
  friend H AbslHashValue(H h, const Digest& digest) {
    uint64_t word;
    std::memcpy(&word, digest.bytes_.data(), sizeof(word));
    return H::combine(std::move(h), word);
  }

 private:
  std::array<uint8_t, kDigestBytes> bytes_{};
};

struct ChunkTag {};
struct NodeTag {};
struct AnyTag {};
using ChunkId = Digest<ChunkTag>;  // of a chunk's raw bytes
using NodeId = Digest<NodeTag>;    // of a node's encoding
using AnyDigest = Digest<AnyTag>;  // a chunk's or a node's
using Root = NodeId;               // of the topmost node

// Names a segment within one store. 0 is none.
enum class SegmentId : uint64_t {};

}  // namespace dray

#endif  // DRAY_CORE_BASE_IDS_H_
