// Tells ThreadSanitizer that who drops the last reference to an absl::Status does so after all
// others: their count is in Debian's Abseil, which is not built for it. Defined before the shared
// library's, which it calls. Empty in any other build.
#if defined(__SANITIZE_THREAD__)

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdint>

#include "absl/status/status.h"

namespace absl {
ABSL_NAMESPACE_BEGIN

void Status::UnrefNonInlined(uintptr_t rep) {
  static auto* const real = reinterpret_cast<void (*)(uintptr_t)>(
      ::dlsym(RTLD_NEXT, "_ZN4absl7debian36Status15UnrefNonInlinedEm"));
  auto* const counted = reinterpret_cast<void*>(rep);
  __tsan_release(counted);
  __tsan_acquire(counted);
  real(rep);
}

ABSL_NAMESPACE_END
}  // namespace absl

#endif
