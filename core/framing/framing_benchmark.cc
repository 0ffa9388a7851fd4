// What framing costs for each chunk of 64 KiB: checksum, parse, and the choice between raw and
// zstd.
#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

#include "core/framing/chunk_encoder.h"
#include "core/framing/data_frame.h"

namespace dray {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;

std::string Noise() {
  std::mt19937_64 random(1);
  std::string text(kChunkBytes, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

// Words in random order: about what source text or logs compress to.
std::string Words() {
  static constexpr const char* kWords[] = {
      "return ", "const ", "uint64_t ", "offset_bytes",       " = ",
      "if (",    ") {\n",  "}\n",       "// the next record", "->",
      "segment", "chunk",  "std::",     "absl::Status ",      "0x1f"};
  std::mt19937_64 random(1);
  std::string text;
  while (text.size() < kChunkBytes) {
    text += kWords[random() % std::size(kWords)];
    if (random() % 4 == 0) text += std::to_string(random() % 100'000);
  }
  text.resize(kChunkBytes);
  return text;
}

void CountBytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kChunkBytes));
}

void BM_WriteHead(benchmark::State& state) {
  const std::string raw = Noise();
  const DataFrame frame{.raw_bytes = kChunkBytes, .body = AsBytes(raw)};
  uint8_t head[kDataFrameOverheadBytes];
  for (auto _ : state) {
    WriteDataFrameHead(frame, head);
    benchmark::DoNotOptimize(head);
  }
  CountBytes(state);
}
BENCHMARK(BM_WriteHead);

void BM_Parse(benchmark::State& state) {
  const std::string raw = Noise();
  std::string whole;
  AppendDataFrame({.raw_bytes = kChunkBytes, .body = AsBytes(raw)}, &whole);
  for (auto _ : state) benchmark::DoNotOptimize(ParseDataFrame(AsBytes(whole)));
  CountBytes(state);
}
BENCHMARK(BM_Parse);

void Encode(benchmark::State& state, const std::string& raw) {
  ChunkEncoder encoder;
  size_t body_bytes = 0;
  for (auto _ : state) body_bytes = encoder.Encode(ChunkId(), AsBytes(raw)).body.size();
  CountBytes(state);
  state.counters["ratio"] = static_cast<double>(raw.size()) / static_cast<double>(body_bytes);
}
void BM_EncodeNoise(benchmark::State& state) { Encode(state, Noise()); }
BENCHMARK(BM_EncodeNoise);
void BM_EncodeText(benchmark::State& state) { Encode(state, Words()); }
BENCHMARK(BM_EncodeText);

void BM_ExpandText(benchmark::State& state) {
  const std::string raw = Words();
  ChunkEncoder encoder;
  const DataFrame frame = encoder.Encode(ChunkId(), AsBytes(raw));
  std::vector<uint8_t> scratch(kChunkBytes);
  for (auto _ : state) benchmark::DoNotOptimize(RawChunk(frame, absl::MakeSpan(scratch)));
  CountBytes(state);
}
BENCHMARK(BM_ExpandText);

}  // namespace
}  // namespace dray
