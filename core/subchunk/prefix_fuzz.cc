// Frames against a prefix that a peer may send: docs/format/wire.md, "Bases of downloads".
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/subchunk/prefix.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

constexpr size_t kPrefixBytes = 3000;

std::string Prefix() {
  std::string prefix;
  for (size_t i = 0; prefix.size() < kPrefixBytes; ++i) prefix += std::to_string(i * i) + ",";
  prefix.resize(kPrefixBytes);
  return prefix;
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  const std::string prefix = Prefix();
  const std::string raw = "new" + prefix.substr(100, 1200) + "and" + prefix.substr(0, 300);
  std::string out(raw.size() + 2, '\0');
  auto* const at = reinterpret_cast<uint8_t*>(out.data());
  StoreBigEndian<uint16_t>(at, static_cast<uint16_t>(raw.size()));
  out.resize(2 + CompressWithPrefix(AsBytes(raw), AsBytes(prefix), 3, {at + 2, raw.size()}));
  return {out};
}

}  // namespace dray

// Exactly as much memory as is to be filled: ASan sees one byte more.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using dray::Bytes;
  static const std::string& prefix = *new std::string(dray::Prefix());
  const Bytes input(data, size);
  if (input.size() < 2) return 0;
  const size_t length = dray::LoadBigEndian<uint16_t>(input.data()) % 5000;
  const std::unique_ptr<uint8_t[]> out(new uint8_t[length]);
  dray::ExpandWithPrefix(input.subspan(2), dray::AsBytes(prefix), {out.get(), length})
      .IgnoreError();
  return 0;
}
