#include "core/chunking/sha256_backends.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <vector>

// Marks what uses instructions that are safe only where HasShaExtensions().
#define DRAY_SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))

namespace dray::internal {
namespace {

constexpr size_t kBlockBytes = 64;
// One stream waits for the latency of sha256rnds2; three keep its unit busy, and a fourth does not
// fit the registers.
constexpr size_t kMaxLanes = 3;

alignas(16) constexpr uint32_t kRoundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// The chaining value in the order of sha256rnds2's operands: words F E B A and H G D C of FIPS
// 180-4, section 5.3.3.
struct alignas(16) State {
  std::array<uint32_t, 4> feba{0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667};
  std::array<uint32_t, 4> hgdc{0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372};
};

AnyDigest DigestOf(const State& state) {
  AnyDigest digest;
  for (size_t i = 0; i < 2; ++i) {
    StoreBigEndian(digest.data() + 4 * i, state.feba[3 - i]);
    StoreBigEndian(digest.data() + 8 + 4 * i, state.hgdc[3 - i]);
    StoreBigEndian(digest.data() + 16 + 4 * i, state.feba[1 - i]);
    StoreBigEndian(digest.data() + 24 + 4 * i, state.hgdc[1 - i]);
  }
  return digest;
}

// A message on its way through a lane: first its own whole blocks, then one or two of padding.
class Lane {
 public:
  void Start(Bytes message, size_t index) {
    index_ = index;
    state = State();
    at = message.data();
    blocks = message.size() / kBlockBytes;
    Pad(message);
    if (blocks == 0) StartPadding();
  }

  // Accounts for `count` compressed blocks; whether that was the message's last one.
  bool Advance(size_t count) {
    blocks -= count;
    if (blocks != 0) return false;
    if (padding_blocks_ == 0) return true;
    StartPadding();
    return false;
  }

  size_t index() const { return index_; }

  State state;
  const uint8_t* at = nullptr;  // Compress() moves it on
  size_t blocks = 0;            // to be compressed at `at`; never 0 between Start() and the end

 private:
  void Pad(Bytes message) {
    const size_t rest = message.size() % kBlockBytes;
    padding_blocks_ = rest + 9 > kBlockBytes ? 2 : 1;
    padding_.fill(0);
    if (rest != 0) std::memcpy(padding_.data(), message.data() + message.size() - rest, rest);
    padding_[rest] = 0x80;
    StoreBigEndian(&padding_[padding_blocks_ * kBlockBytes - 8], uint64_t{message.size()} * 8);
  }

  void StartPadding() {
    at = padding_.data();
    blocks = padding_blocks_;
    padding_blocks_ = 0;
  }

  size_t index_ = 0;
  size_t padding_blocks_ = 0;  // not yet started
  std::array<uint8_t, 2 * kBlockBytes> padding_;
};

// Compresses the next `blocks` blocks of each of kLanes lanes, interleaved round by round.
template <size_t kLanes>
DRAY_SHA_TARGET void Compress(Lane* const* lanes, size_t blocks) {
  const __m128i byte_swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i abef[kLanes], cdgh[kLanes], words[kLanes][4];
  const uint8_t* at[kLanes];
#pragma GCC unroll 3
  for (size_t i = 0; i < kLanes; ++i) {
    abef[i] = _mm_load_si128(reinterpret_cast<const __m128i*>(lanes[i]->state.feba.data()));
    cdgh[i] = _mm_load_si128(reinterpret_cast<const __m128i*>(lanes[i]->state.hgdc.data()));
    at[i] = lanes[i]->at;
  }
  for (; blocks != 0; --blocks) {
    __m128i abef_before[kLanes], cdgh_before[kLanes];
#pragma GCC unroll 3
    for (size_t i = 0; i < kLanes; ++i) {
      abef_before[i] = abef[i];
      cdgh_before[i] = cdgh[i];
#pragma GCC unroll 4
      for (size_t j = 0; j < 4; ++j) {
        const auto* word = reinterpret_cast<const __m128i*>(at[i] + 16 * j);
        words[i][j] = _mm_shuffle_epi8(_mm_loadu_si128(word), byte_swap);
      }
      at[i] += kBlockBytes;
    }
    // Four rounds a turn. A turn also makes the four words that are due four turns later, in the
    // place of its own.
#pragma GCC unroll 16
    for (size_t turn = 0; turn < 16; ++turn) {
      const __m128i constants =
          _mm_load_si128(reinterpret_cast<const __m128i*>(&kRoundConstants[4 * turn]));
#pragma GCC unroll 3
      for (size_t i = 0; i < kLanes; ++i) {
        __m128i* const w = words[i];
        const size_t w0 = turn % 4, w1 = (turn + 1) % 4, w2 = (turn + 2) % 4, w3 = (turn + 3) % 4;
        const __m128i keyed = _mm_add_epi32(w[w0], constants);
        cdgh[i] = _mm_sha256rnds2_epu32(cdgh[i], abef[i], keyed);
        abef[i] = _mm_sha256rnds2_epu32(abef[i], cdgh[i], _mm_shuffle_epi32(keyed, 0x0E));
        if (turn < 12) {
          const __m128i sum =
              _mm_add_epi32(_mm_sha256msg1_epu32(w[w0], w[w1]), _mm_alignr_epi8(w[w3], w[w2], 4));
          w[w0] = _mm_sha256msg2_epu32(sum, w[w3]);
        }
      }
    }
#pragma GCC unroll 3
    for (size_t i = 0; i < kLanes; ++i) {
      abef[i] = _mm_add_epi32(abef[i], abef_before[i]);
      cdgh[i] = _mm_add_epi32(cdgh[i], cdgh_before[i]);
    }
  }
#pragma GCC unroll 3
  for (size_t i = 0; i < kLanes; ++i) {
    _mm_store_si128(reinterpret_cast<__m128i*>(lanes[i]->state.feba.data()), abef[i]);
    _mm_store_si128(reinterpret_cast<__m128i*>(lanes[i]->state.hgdc.data()), cdgh[i]);
    lanes[i]->at = at[i];
  }
}

void CompressLanes(Lane* const* lanes, size_t lane_count, size_t blocks) {
  switch (lane_count) {
    case 1:
      return Compress<1>(lanes, blocks);
    case 2:
      return Compress<2>(lanes, blocks);
    default:
      return Compress<kMaxLanes>(lanes, blocks);
  }
}

// Which message goes when: the longest first, so that the lanes come to their ends together.
std::vector<size_t> LongestFirst(absl::Span<const Bytes> messages) {
  std::vector<size_t> order(messages.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return messages[a].size() > messages[b].size(); });
  return order;
}

bool DetectShaExtensions() {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx)) return false;
  if ((ecx & bit_SSSE3) == 0 || (ecx & bit_SSE4_1) == 0) return false;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA) != 0;
}

}  // namespace

bool HasShaExtensions() {
  static const bool has = DetectShaExtensions();
  return has;
}

AnyDigest Sha256WithShaExtensions(Bytes message) {
  Lane lane;
  lane.Start(message, 0);
  Lane* const lanes[] = {&lane};
  do {
    Compress<1>(lanes, lane.blocks);
  } while (!lane.Advance(lane.blocks));
  return DigestOf(lane.state);
}

void HashChunksWithShaExtensions(absl::Span<const Bytes> messages, absl::Span<ChunkId> ids) {
  const std::vector<size_t> order = LongestFirst(messages);
  auto next = order.begin();
  std::array<Lane, kMaxLanes> lanes;
  std::array<Lane*, kMaxLanes> busy;
  size_t busy_count = 0;
  for (Lane& lane : lanes) {
    if (next == order.end()) break;
    lane.Start(messages[*next], *next);
    ++next;
    busy[busy_count++] = &lane;
  }
  while (busy_count != 0) {
    size_t blocks = busy[0]->blocks;
    for (size_t i = 1; i < busy_count; ++i) blocks = std::min(blocks, busy[i]->blocks);
    CompressLanes(busy.data(), busy_count, blocks);
    for (size_t i = busy_count; i-- > 0;) {
      Lane* const lane = busy[i];
      if (!lane->Advance(blocks)) continue;
      ids[lane->index()] = DigestOf(lane->state).As<ChunkTag>();
      if (next != order.end()) {
        lane->Start(messages[*next], *next);
        ++next;
      } else {
        busy[i] = busy[--busy_count];
      }
    }
  }
}

}  // namespace dray::internal

#else

#include <cstdlib>

namespace dray::internal {

bool HasShaExtensions() { return false; }
AnyDigest Sha256WithShaExtensions(Bytes) { std::abort(); }
void HashChunksWithShaExtensions(absl::Span<const Bytes>, absl::Span<ChunkId>) { std::abort(); }

}  // namespace dray::internal

#endif
