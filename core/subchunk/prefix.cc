#include "core/subchunk/prefix.h"

#include <zstd.h>

#include <cassert>
#include <cstring>
#include <memory>

namespace dray {
namespace {

// Prefix and contents both lie in the window: 2 * kMaxPrefixBytes.
constexpr int kWindowLog = 21;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Contexts take long to make: each thread that ever needs one keeps it.
ZSTD_CCtx* ThreadCompressor() {
  thread_local std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  return context.get();
}

ZSTD_DCtx* ThreadExpander() {
  thread_local std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (context != nullptr) ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLog);
  return context.get();
}

// Only a modern frame (the library also knows legacy and skippable ones), and nothing behind it.
bool IsExactlyOneFrame(Bytes frame) {
  constexpr uint8_t kMagic[] = {0x28, 0xB5, 0x2F, 0xFD};
  return frame.size() > sizeof(kMagic) && std::memcmp(frame.data(), kMagic, sizeof(kMagic)) == 0 &&
         ZSTD_findFrameCompressedSize(frame.data(), frame.size()) == frame.size();
}

}  // namespace

size_t CompressWithPrefix(Bytes raw, Bytes prefix, int level, MutableBytes out) {
  assert(!raw.empty() && raw.size() <= kMaxPrefixBytes && prefix.size() <= kMaxPrefixBytes);
  ZSTD_CCtx* const context = ThreadCompressor();
  if (context == nullptr || out.empty()) return 0;
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, kWindowLog);
  ZSTD_CCtx_refPrefix(context, prefix.data(), prefix.size());
  const size_t bytes = ZSTD_compress2(context, out.data(), out.size(), raw.data(), raw.size());
  return ZSTD_isError(bytes) ? 0 : bytes;
}

absl::Status ExpandWithPrefix(Bytes frame, Bytes prefix, MutableBytes out) {
  ZSTD_DCtx* const context = ThreadExpander();
  if (context == nullptr) return absl::ResourceExhaustedError("no memory to expand a zstd frame");
  if (!IsExactlyOneFrame(frame)) {
    return absl::InvalidArgumentError("it is not one zstd frame");
  }
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_DCtx_refPrefix(context, prefix.data(), prefix.size());
  const size_t bytes =
      ZSTD_decompressDCtx(context, out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("a zstd frame cannot be expanded: ", ZSTD_getErrorName(bytes)));
  }
  if (bytes != out.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a zstd frame expands to ", bytes, " bytes instead of ", out.size()));
  }
  return absl::OkStatus();
}

}  // namespace dray
