#include "core/framing/data_frame.h"

#include <xxhash.h>
#include <zstd.h>

#include <cassert>
#include <cstring>
#include <memory>

#include "absl/strings/str_format.h"
#include "core/framing/frame.h"

namespace dray {
namespace {

// docs/format/segment.md, "A record".
constexpr size_t kIdOffset = 8;
constexpr size_t kRawLengthOffset = 40;
constexpr size_t kChecksumOffset = 44;
constexpr size_t kMinDataFrameBytes = kDataFrameOverheadBytes + 1;

uint64_t Checksum(const uint8_t* head, Bytes body) {
  const XXH64_hash_t seed = XXH3_64bits(head, kChecksumOffset);
  return XXH3_64bits_withSeed(body.data(), body.size(), seed);
}

absl::Status Refuse(const std::string& why) {
  return absl::InvalidArgumentError(absl::StrCat("malformed data frame: ", why));
}

absl::Status CorruptBody(const DataFrame& frame, absl::string_view why) {
  return absl::DataLossError(
      absl::StrCat("the compressed body of chunk ", frame.id.hex(), " ", why));
}

// A decompression context takes 150 KiB and long to make: each thread that ever needs one keeps it.
ZSTD_DCtx* ThreadDecompressor() {
  struct Free {
    void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  };
  thread_local std::unique_ptr<ZSTD_DCtx, Free> context(ZSTD_createDCtx());
  return context.get();
}

// Only a modern frame (the library also knows legacy and skippable ones), and nothing behind it.
bool IsExactlyOneZstdFrame(Bytes body) {
  constexpr uint8_t kMagic[] = {0x28, 0xB5, 0x2F, 0xFD};
  return body.size() > sizeof(kMagic) && std::memcmp(body.data(), kMagic, sizeof(kMagic)) == 0 &&
         ZSTD_findFrameCompressedSize(body.data(), body.size()) == body.size();
}

}  // namespace

void WriteDataFrameHead(const DataFrame& frame, uint8_t* out) {
  assert(!frame.body.empty() && frame.frame_bytes() <= kMaxDataFrameBytes);
  EncodeFrameHeader(
      {.payload_bytes = static_cast<uint32_t>(frame.frame_bytes() - kFrameHeaderBytes),
       .type = FrameType::kData,
       .flags = frame.zstd ? kZstdFlag : uint8_t{0},
       .request = 0},
      out);
  std::memcpy(out + kIdOffset, frame.id.data(), kDigestBytes);
  StoreBigEndian<uint32_t>(out + kRawLengthOffset, frame.raw_bytes);
  StoreBigEndian<uint64_t>(out + kChecksumOffset, Checksum(out, frame.body));
}

void AppendDataFrame(const DataFrame& frame, std::string* out) {
  uint8_t head[kDataFrameOverheadBytes];
  WriteDataFrameHead(frame, head);
  out->append(reinterpret_cast<const char*>(head), sizeof(head));
  out->append(AsText(frame.body));
}

absl::StatusOr<size_t> DataFrameLength(const uint8_t* in) {
  const uint64_t length = uint64_t{LoadBigEndian<uint32_t>(in)} + kFrameHeaderBytes;
  const auto type = static_cast<FrameType>(in[4]);
  if (type != FrameType::kData) {
    return Refuse(absl::StrCat("its type is ", FrameTypeName(type)));
  }
  if ((in[5] & ~kZstdFlag) != 0) return Refuse(absl::StrFormat("unknown flags 0x%02x", in[5]));
  if (LoadBigEndian<uint16_t>(in + 6) != 0) return Refuse("its request is not 0");
  if (length < kMinDataFrameBytes || length > kMaxDataFrameBytes) {
    return Refuse(absl::StrFormat("it is %d bytes long; %d to %d are allowed", length,
                                  kMinDataFrameBytes, kMaxDataFrameBytes));
  }
  return static_cast<size_t>(length);
}

absl::StatusOr<DataFrame> ParseDataFrame(Bytes whole) {
  if (whole.size() < kMinDataFrameBytes) {
    return Refuse(absl::StrFormat("only %d bytes", whole.size()));
  }
  DRAY_ASSIGN_OR_RETURN(const size_t length, DataFrameLength(whole.data()));
  if (length != whole.size()) {
    return Refuse(absl::StrFormat("%d bytes where its header says %d", whole.size(), length));
  }
  DataFrame frame;
  frame.id = ChunkId::Load(whole.data() + kIdOffset);
  frame.raw_bytes = LoadBigEndian<uint32_t>(whole.data() + kRawLengthOffset);
  frame.zstd = (whole[5] & kZstdFlag) != 0;
  frame.body = whole.subspan(kDataFrameOverheadBytes);
  if (frame.raw_bytes == 0 || frame.raw_bytes > kMaxRawChunkBytes) {
    return Refuse(absl::StrFormat("its chunk has %u bytes; 1 to %d are allowed", frame.raw_bytes,
                                  kMaxRawChunkBytes));
  }
  if (frame.zstd ? frame.body.size() >= frame.raw_bytes : frame.body.size() != frame.raw_bytes) {
    return Refuse(absl::StrFormat("a %s body of %d bytes for a chunk of %u",
                                  frame.zstd ? "zstd" : "raw", frame.body.size(), frame.raw_bytes));
  }
  if (Checksum(whole.data(), frame.body) != LoadBigEndian<uint64_t>(&whole[kChecksumOffset])) {
    return absl::DataLossError(
        absl::StrCat("the data frame of chunk ", frame.id.hex(), " has a wrong checksum"));
  }
  return frame;
}

absl::StatusOr<Bytes> RawChunk(const DataFrame& frame, MutableBytes scratch) {
  if (!frame.zstd) return frame.body;
  assert(scratch.size() >= frame.raw_bytes);
  if (!IsExactlyOneZstdFrame(frame.body)) return CorruptBody(frame, "is not one zstd frame");
  ZSTD_DCtx* const context = ThreadDecompressor();
  if (context == nullptr) {
    return absl::ResourceExhaustedError("no memory for a zstd decompression context");
  }
  const size_t raw_bytes = ZSTD_decompressDCtx(context, scratch.data(), frame.raw_bytes,
                                               frame.body.data(), frame.body.size());
  if (ZSTD_isError(raw_bytes)) {
    return CorruptBody(frame, absl::StrCat("cannot be expanded: ", ZSTD_getErrorName(raw_bytes)));
  }
  if (raw_bytes != frame.raw_bytes) {
    return CorruptBody(
        frame, absl::StrCat("expands to ", raw_bytes, " bytes instead of ", frame.raw_bytes));
  }
  return Bytes(scratch.data(), raw_bytes);
}

}  // namespace dray
