// What chunking and hashing cost on one core. Run it optimised and alone:
//   bazel run //core/chunking:chunking_benchmark
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/chunking/sha256_backends.h"

namespace dray {
namespace {

constexpr size_t kDataBytes = size_t{256} * 1024 * 1024;

// Random bytes, far more than the caches hold.
Bytes Data() {
  static const std::vector<uint64_t>* const words = [] {
    auto* made = new std::vector<uint64_t>(kDataBytes / sizeof(uint64_t));
    std::mt19937_64 random(1);
    for (uint64_t& word : *made) word = random();
    return made;
  }();
  return {reinterpret_cast<const uint8_t*>(words->data()), kDataBytes};
}

std::vector<Bytes> Chunks(Bytes data) {
  std::vector<Bytes> chunks;
  while (!data.empty()) {
    chunks.push_back(data.first(CutChunk(data)));
    data.remove_prefix(chunks.back().size());
  }
  return chunks;
}

void CountBytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * kDataBytes);
}

void BM_CutChunk(benchmark::State& state) {
  Data();
  size_t count = 0;
  for (auto _ : state) {
    count = 0;
    for (Bytes rest = Data(); !rest.empty(); ++count) rest.remove_prefix(CutChunk(rest));
    benchmark::DoNotOptimize(count);
  }
  CountBytes(state);
  state.counters["mean_chunk_bytes"] = static_cast<double>(kDataBytes) / static_cast<double>(count);
}
BENCHMARK(BM_CutChunk)->Unit(benchmark::kMillisecond);

void BM_OpenSsl(benchmark::State& state) {
  const std::vector<Bytes> chunks = Chunks(Data());
  for (auto _ : state) {
    for (Bytes chunk : chunks) benchmark::DoNotOptimize(internal::Sha256WithOpenSsl(chunk));
  }
  CountBytes(state);
}
BENCHMARK(BM_OpenSsl)->Unit(benchmark::kMillisecond);

void BM_Sha256(benchmark::State& state) {
  const std::vector<Bytes> chunks = Chunks(Data());
  for (auto _ : state) {
    for (Bytes chunk : chunks) benchmark::DoNotOptimize(Sha256(chunk));
  }
  CountBytes(state);
}
BENCHMARK(BM_Sha256)->Unit(benchmark::kMillisecond);

// HashChunks() of as many chunks at a time as the argument says.
void BM_HashChunks(benchmark::State& state) {
  const std::vector<Bytes> chunks = Chunks(Data());
  std::vector<ChunkId> ids(chunks.size());
  const size_t batch = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    for (size_t i = 0; i < chunks.size(); i += batch) {
      const size_t count = std::min(batch, chunks.size() - i);
      HashChunks({&chunks[i], count}, {&ids[i], count});
    }
    benchmark::DoNotOptimize(ids.data());
  }
  CountBytes(state);
}
BENCHMARK(BM_HashChunks)->Unit(benchmark::kMillisecond)->Arg(1)->Arg(3)->Arg(8)->Arg(16)->Arg(64);

// What a reader of a file does: cuts chunks from the data until there are as many as the argument
// says, then hashes them while they are in the cache.
void BM_ChunkAndHash(benchmark::State& state) {
  Data();
  const size_t batch = static_cast<size_t>(state.range(0));
  std::vector<Bytes> chunks;
  std::vector<ChunkId> ids(batch);
  for (auto _ : state) {
    for (Bytes rest = Data(); !rest.empty();) {
      chunks.clear();
      while (chunks.size() < batch && !rest.empty()) {
        chunks.push_back(rest.first(CutChunk(rest)));
        rest.remove_prefix(chunks.back().size());
      }
      HashChunks(chunks, {ids.data(), chunks.size()});
      benchmark::DoNotOptimize(ids.data());
    }
  }
  CountBytes(state);
}
BENCHMARK(BM_ChunkAndHash)
    ->Unit(benchmark::kMillisecond)
    ->Arg(3)
    ->Arg(8)
    ->Arg(16)
    ->Arg(32)
    ->Arg(64);

// Small messages, such as nodes and small files.
void BM_HashSmall(benchmark::State& state) {
  const size_t size = static_cast<size_t>(state.range(0));
  std::vector<Bytes> messages;
  for (size_t i = 0; i < 64; ++i) messages.push_back(Data().subspan(i * size, size));
  std::vector<ChunkId> ids(messages.size());
  for (auto _ : state) {
    HashChunks(messages, absl::MakeSpan(ids));
    benchmark::DoNotOptimize(ids.data());
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * messages.size() * size));
}
BENCHMARK(BM_HashSmall)->Arg(64)->Arg(256)->Arg(4096);

}  // namespace
}  // namespace dray
