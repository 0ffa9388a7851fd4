#ifndef DRAY_CORE_FRAMING_DATA_FRAME_H_
#define DRAY_CORE_FRAMING_DATA_FRAME_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray {

// A chunk on the wire and on disk, byte for byte the same: docs/format/segment.md, "A record".
inline constexpr size_t kDataFrameOverheadBytes = 52;
inline constexpr uint8_t kZstdFlag = 0x01;
inline constexpr size_t kMaxRawChunkBytes = 256 * 1024;
// The longest data frame: the overhead and a raw chunk of the maximum length.
inline constexpr size_t kMaxDataFrameBytes = kDataFrameOverheadBytes + kMaxRawChunkBytes;

// A view of a data frame that someone else owns.
struct DataFrame {
  ChunkId id;
  uint32_t raw_bytes = 0;
  bool zstd = false;
  Bytes body;

  size_t frame_bytes() const { return kDataFrameOverheadBytes + body.size(); }
};

// Writes the kDataFrameOverheadBytes that stand before the body, checksum included, to `out`.
void WriteDataFrameHead(const DataFrame& frame, uint8_t* out);

// Appends head and body to `out`.
void AppendDataFrame(const DataFrame& frame, std::string* out);

// The length of the whole frame whose first 8 bytes are at `in`, if they can be a data frame's;
// else INVALID_ARGUMENT.
absl::StatusOr<size_t> DataFrameLength(const uint8_t* in);

// Parses exactly one whole frame: lengths, flags and checksum are checked (INVALID_ARGUMENT for
// lengths and flags, DATA_LOSS for the checksum), the id is not: that takes its raw bytes. Views
// point into `whole`.
absl::StatusOr<DataFrame> ParseDataFrame(Bytes whole);

// The raw chunk: expands a zstd body into `scratch` (at least raw_bytes long, kept by the caller),
// or returns the body itself. Never writes more than raw_bytes; DATA_LOSS when the body does not
// expand to exactly that.
absl::StatusOr<Bytes> RawChunk(const DataFrame& frame, MutableBytes scratch);

}  // namespace dray

#endif  // DRAY_CORE_FRAMING_DATA_FRAME_H_
