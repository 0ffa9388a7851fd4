// Preloaded into a program: its wall clock is off by as many seconds as the file
// $DRAY_CLOCK_OFFSET_FILE holds, now and whenever that changes. Steady clocks are left alone.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>

namespace {

long OffsetSeconds() {
  static const char* const file = std::getenv("DRAY_CLOCK_OFFSET_FILE");
  static const int fd = file == nullptr ? -1 : open(file, O_RDONLY | O_CLOEXEC);
  char text[32] = {};
  if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0) return 0;
  return std::strtol(text, nullptr, 10);
}

}  // namespace

// Abseil waits for the kernel's wall clock with futexes: what is to be at this shim's time, the
// kernel has to do at its own.
extern "C" long syscall(long number, ...) noexcept {
  using Function = long (*)(long, ...);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "syscall"));
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  timespec deadline;
  if (number == SYS_futex && (arguments[1] & FUTEX_CLOCK_REALTIME) != 0 && arguments[3] != 0) {
    deadline = *reinterpret_cast<const timespec*>(arguments[3]);
    deadline.tv_sec -= OffsetSeconds();
    arguments[3] = reinterpret_cast<long>(&deadline);
  }
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}

extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, time));
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    time->tv_sec += OffsetSeconds();
  }
  return result;
}

extern "C" int gettimeofday(timeval* time, void*) noexcept {
  timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / 1000;
  return 0;
}

extern "C" time_t time(time_t* out) noexcept {
  timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
