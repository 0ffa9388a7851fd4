// What a delta below the chunk costs, for chunks of 64 KiB of which 64 bytes have changed: signing
// the old bytes, finding what changed, and putting the new bytes together.
#include <benchmark/benchmark.h>

#include <random>
#include <string>

#include "core/subchunk/signature.h"

namespace dray {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;
constexpr size_t kMostSignatureBytes = 4096;

std::string Noise() {
  std::mt19937_64 random(1);
  std::string text(kChunkBytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

// An old chunk, the new one, and what lies between them.
struct Edit {
  Edit()
      : base(Noise()),
        chunk(base),
        block_bytes(ChooseBlockBytes(kChunkBytes, kMostSignatureBytes)) {
    chunk.replace(kChunkBytes / 2, 64, 64, 'x');
    signature = *SignBlocks(AsBytes(base), block_bytes);
    delta.resize(kChunkBytes);
    const size_t length = *(*BlockSignature::Load(block_bytes, AsBytes(signature)))
                               .MakeDelta(AsBytes(chunk), AsMutable(delta));
    delta.resize(length);
  }
  static MutableBytes AsMutable(std::string& text) {
    return {reinterpret_cast<uint8_t*>(text.data()), text.size()};
  }

  std::string base;
  std::string chunk;
  uint32_t block_bytes;
  std::string signature;
  std::string delta;
};

void CountBytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kChunkBytes));
}

void BM_SignBlocks(benchmark::State& state) {
  const Edit edit;
  for (auto _ : state) benchmark::DoNotOptimize(SignBlocks(AsBytes(edit.base), edit.block_bytes));
  CountBytes(state);
}
BENCHMARK(BM_SignBlocks);

void BM_LoadAndMakeDelta(benchmark::State& state) {
  const Edit edit;
  std::string out(kChunkBytes, '\0');
  for (auto _ : state) {
    const auto signature = BlockSignature::Load(edit.block_bytes, AsBytes(edit.signature));
    benchmark::DoNotOptimize(signature->MakeDelta(AsBytes(edit.chunk), Edit::AsMutable(out)));
  }
  CountBytes(state);
}
BENCHMARK(BM_LoadAndMakeDelta);

void BM_ApplyDelta(benchmark::State& state) {
  const Edit edit;
  std::string out(kChunkBytes, '\0');
  for (auto _ : state) {
    if (!ApplyDelta(AsBytes(edit.delta), AsBytes(edit.base), Edit::AsMutable(out)).ok()) {
      state.SkipWithError("the delta does not fit");
    }
  }
  CountBytes(state);
}
BENCHMARK(BM_ApplyDelta);

}  // namespace
}  // namespace dray

BENCHMARK_MAIN();
