// Signatures and deltas from any bytes.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "core/subchunk/signature.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

constexpr size_t kBaseBytes = 2000;

std::string Base() {
  std::string base;
  for (size_t i = 0; base.size() < kBaseBytes; ++i) base += std::to_string(i * i) + ",";
  base.resize(kBaseBytes);
  return base;
}

// Exactly as much memory as is to be filled: ASan sees one byte more.
void Apply(Bytes input) {
  static const std::string& base = *new std::string(Base());
  if (input.size() < 2) return;
  const size_t length = LoadBigEndian<uint16_t>(input.data()) % 5000;
  const std::unique_ptr<uint8_t[]> out(new uint8_t[length]);
  ApplyDelta(input.subspan(2), AsBytes(base), {out.get(), length}).IgnoreError();
}

// A signature may say anything: what is made with it is a delta all the same, or nothing.
void Search(Bytes input) {
  static const std::string& base = *new std::string(Base());
  if (input.size() < 4) return;
  const auto signature =
      BlockSignature::Load(LoadBigEndian<uint32_t>(input.data()), input.subspan(4));
  if (!signature.ok()) return;
  std::string out(kBaseBytes, '\0');
  const auto made =
      signature->MakeDelta(AsBytes(base), {reinterpret_cast<uint8_t*>(out.data()), out.size()});
  if (made.ok() && *made > out.size()) std::abort();
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  const std::string base = Base();
  const std::string hashes = *SignBlocks(AsBytes(base), 64);
  const auto signature = BlockSignature::Load(64, AsBytes(hashes));
  const std::string chunk = "new" + base.substr(100, 1200) + "and" + base.substr(0, 300);
  std::string delta(chunk.size(), '\0');
  delta.resize(*signature->MakeDelta(AsBytes(chunk),
                                     {reinterpret_cast<uint8_t*>(delta.data()), delta.size()}));
  std::string length(2, '\0');
  StoreBigEndian<uint16_t>(reinterpret_cast<uint8_t*>(length.data()),
                           static_cast<uint16_t>(chunk.size()));
  return {length + delta, std::string("\0\0\0\x40", 4) + hashes};
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dray::Apply({data, size});
  dray::Search({data, size});
  return 0;
}
