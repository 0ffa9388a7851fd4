#include "core/segment/testing/test_records.h"

#include <random>

#include "core/base/bytes.h"
#include "core/framing/data_frame.h"

namespace dray {

ChunkId TestChunkId(uint64_t number) {
  ChunkId id;
  for (size_t at = 0; at < kDigestBytes; at += sizeof(number)) {
    StoreBigEndian<uint64_t>(id.data() + at, number * 0x9E3779B97F4A7C15 + at);
  }
  return id;
}

std::string TestRecord(uint64_t number, size_t raw_bytes) {
  std::mt19937_64 random(number);
  std::string raw(raw_bytes, '\0');
  for (char& c : raw) c = static_cast<char>(random());
  std::string record;
  AppendDataFrame({.id = TestChunkId(number),
                   .raw_bytes = static_cast<uint32_t>(raw_bytes),
                   .zstd = false,
                   .body = AsBytes(raw)},
                  &record);
  return record;
}

}  // namespace dray
