#include "core/base/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace dray {
namespace {

void Fill(void* out, size_t count) {
  auto* at = static_cast<uint8_t*>(out);
  while (count > 0) {
    const ssize_t n = ::getrandom(at, count, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) std::abort();  // cannot fail on a Linux since 3.17 with a valid buffer
    at += n;
    count -= static_cast<size_t>(n);
  }
}

}  // namespace

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  Fill(bytes.data(), count);
  return bytes;
}

uint64_t RandomWord() {
  uint64_t word;
  Fill(&word, sizeof(word));
  return word;
}

}  // namespace dray
