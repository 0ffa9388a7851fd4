#include "core/segment/segment_format.h"

#include <cstring>

#include "absl/strings/str_format.h"
#include "core/base/bytes.h"

namespace dray {
namespace {

constexpr uint8_t kMagic[8] = {'d', 'r', 'a', 'y', 's', 'e', 'g', 1};
constexpr size_t kIdDigits = 16;
constexpr std::string_view kSealedSuffix = ".seg";
constexpr std::string_view kOpenSuffix = ".open";

// The value of a lower-case hexadecimal digit; -1 for anything else.
int DigitValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

std::array<uint8_t, kSegmentHeaderBytes> SegmentHeader(SegmentId id) {
  std::array<uint8_t, kSegmentHeaderBytes> header;
  std::memcpy(header.data(), kMagic, sizeof(kMagic));
  StoreBigEndian<uint64_t>(header.data() + sizeof(kMagic), static_cast<uint64_t>(id));
  return header;
}

std::string SegmentFileName(SegmentId id, bool sealed) {
  return absl::StrFormat("%016x%s", static_cast<uint64_t>(id),
                         sealed ? kSealedSuffix : kOpenSuffix);
}

std::optional<SegmentFileNameParts> ParseSegmentFileName(std::string_view name) {
  if (name.size() < kIdDigits) return std::nullopt;
  const std::string_view suffix = name.substr(kIdDigits);
  if (suffix != kSealedSuffix && suffix != kOpenSuffix) return std::nullopt;
  uint64_t id = 0;
  for (char c : name.substr(0, kIdDigits)) {
    const int value = DigitValue(c);
    if (value < 0) return std::nullopt;
    id = id << 4 | static_cast<uint64_t>(value);
  }
  if (id == 0) return std::nullopt;
  return SegmentFileNameParts{.id = SegmentId{id}, .sealed = suffix == kSealedSuffix};
}

}  // namespace dray
