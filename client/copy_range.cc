#include "client/copy_range.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "core/base/bytes.h"
#include "core/base/file.h"

namespace dray {
namespace {

// Blocks of files are shared whole: this is what file systems have.
constexpr uint64_t kBlockBytes = 4096;
constexpr size_t kBufferBytes = 1 << 20;

absl::Status ReadAndWrite(int from, uint64_t from_offset, int to, uint64_t to_offset,
                          uint64_t length) {
  const size_t room = static_cast<size_t>(std::min<uint64_t>(length, kBufferBytes));
  const std::unique_ptr<uint8_t[]> buffer(new uint8_t[room]);
  while (length > 0) {
    const size_t part = static_cast<size_t>(std::min<uint64_t>(length, room));
    const auto read = ReadAt(from, from_offset, {buffer.get(), part});
    if (!read.ok() || *read == 0) return absl::OkStatus();
    DRAY_RETURN_IF_ERROR(WriteAt(to, to_offset, {buffer.get(), *read}));
    from_offset += *read;
    to_offset += *read;
    length -= *read;
  }
  return absl::OkStatus();
}

// Whatever the kernel refuses, for whatever reason, is read and written.
absl::Status CopyPiece(int from, uint64_t from_offset, int to, uint64_t to_offset,
                       uint64_t length) {
  while (length > 0) {
    loff_t in = static_cast<loff_t>(from_offset);
    loff_t out = static_cast<loff_t>(to_offset);
    const ssize_t copied = ::copy_file_range(from, &in, to, &out, length, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied <= 0) return ReadAndWrite(from, from_offset, to, to_offset, length);
    from_offset += static_cast<uint64_t>(copied);
    to_offset += static_cast<uint64_t>(copied);
    length -= static_cast<uint64_t>(copied);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CopyRange(int from, uint64_t from_offset, int to, uint64_t to_offset,
                       uint64_t length_bytes) {
  const uint64_t head =
      std::min(length_bytes, (kBlockBytes - to_offset % kBlockBytes) % kBlockBytes);
  const uint64_t blocks = (length_bytes - head) / kBlockBytes * kBlockBytes;
  const bool aligned = from_offset % kBlockBytes == to_offset % kBlockBytes && blocks > 0;
  if (!aligned) return CopyPiece(from, from_offset, to, to_offset, length_bytes);
  DRAY_RETURN_IF_ERROR(CopyPiece(from, from_offset, to, to_offset, head));
  DRAY_RETURN_IF_ERROR(CopyPiece(from, from_offset + head, to, to_offset + head, blocks));
  const uint64_t done = head + blocks;
  return CopyPiece(from, from_offset + done, to, to_offset + done, length_bytes - done);
}

}  // namespace dray
