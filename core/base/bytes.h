#ifndef DRAY_CORE_BASE_BYTES_H_
#define DRAY_CORE_BASE_BYTES_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/types/span.h"

namespace dray {

// A view of bytes that someone else owns.
using Bytes = absl::Span<const uint8_t>;
using MutableBytes = absl::Span<uint8_t>;

inline Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

inline std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Big-endian integers at unaligned places. REQUIRES: sizeof(T) bytes at `at`.
template <typename T>
T LoadBigEndian(const uint8_t* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 8) | at[i]);
  return value;
}

template <typename T>
void StoreBigEndian(uint8_t* at, T value) {
  for (size_t i = sizeof(T); i-- > 0;) {
    at[i] = static_cast<uint8_t>(value);
    if constexpr (sizeof(T) > 1) value = static_cast<T>(value >> 8);
  }
}

}  // namespace dray

#endif  // DRAY_CORE_BASE_BYTES_H_
