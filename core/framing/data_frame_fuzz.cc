// Data frames from any bytes, and what their bodies expand to.
#include <cstdlib>
#include <memory>

#include "core/framing/chunk_encoder.h"
#include "core/framing/data_frame.h"
#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// Exactly raw_bytes of scratch memory: ASan sees a write of one more.
void Expand(const DataFrame& frame) {
  const std::unique_ptr<uint8_t[]> scratch(new uint8_t[frame.raw_bytes]);
  const auto raw = RawChunk(frame, MutableBytes(scratch.get(), frame.raw_bytes));
  if (raw.ok()) Check(raw->size() == frame.raw_bytes);
}

// The frame as it stands in the input, whose checksum almost always stops it.
void ParseWhole(Bytes input) {
  if (input.size() >= 8) {
    const auto length = DataFrameLength(input.data());
    if (length.ok()) Check(*length > kDataFrameOverheadBytes && *length <= kMaxDataFrameBytes);
  }
  const auto frame = ParseDataFrame(input);
  if (!frame.ok()) return;
  Check(frame->frame_bytes() == input.size());
  std::string again;
  AppendDataFrame(*frame, &again);
  Check(AsBytes(again) == input);
  Expand(*frame);
}

// The same bytes as a body with a right checksum, so that mutations get as far as zstd.
void ParseBody(Bytes input) {
  if (input.size() <= kDataFrameOverheadBytes) return;
  const Bytes body = input.subspan(kDataFrameOverheadBytes);
  const uint32_t raw_bytes = LoadBigEndian<uint32_t>(input.data() + 40) % (kMaxRawChunkBytes + 2);
  if (body.size() > kMaxRawChunkBytes) return;
  std::string whole;
  AppendDataFrame({.id = ChunkId::Load(input.data() + 8),
                   .raw_bytes = raw_bytes,
                   .zstd = (input[5] & kZstdFlag) != 0,
                   .body = body},
                  &whole);
  const auto frame = ParseDataFrame(AsBytes(whole));
  if (frame.ok()) Expand(*frame);
}

std::string FrameOf(const std::string& raw) {
  ChunkEncoder encoder;
  std::string whole;
  AppendDataFrame(encoder.Encode(ChunkId(), AsBytes(raw)), &whole);
  return whole;
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  std::string words;
  for (int i = 0; i < 400; ++i) words += "chunk " + std::to_string(i * i) + ", ";
  return {FrameOf("x"), FrameOf("a raw chunk that is too short to shrink"), FrameOf(words),
          FrameOf(std::string(kMaxRawChunkBytes, '\0')), FrameOf(words + words)};
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dray::ParseWhole({data, size});
  dray::ParseBody({data, size});
  return 0;
}
