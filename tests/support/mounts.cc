#include "tests/support/mounts.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/support/files.h"

namespace dray::testing {
namespace {

void Mount(const std::string& folder, uint64_t bytes, unsigned long flags) {
  const std::string options = absl::StrCat("mode=0755,size=", bytes);
  ASSERT_EQ(mount("dray-test", folder.c_str(), "tmpfs", flags, options.c_str()), 0)
      << folder << ": " << std::strerror(errno);
}

}  // namespace

void EnterOwnMounts() {
  const unsigned user = getuid();
  const unsigned group = getgid();
  if (unshare(CLONE_NEWNS) != 0) {
    ASSERT_EQ(unshare(CLONE_NEWUSER | CLONE_NEWNS), 0)
        << "this test needs mounts of its own: " << std::strerror(errno);
    WriteFile("/proc/self/setgroups", "deny");
    WriteFile("/proc/self/uid_map", absl::StrCat("0 ", user, " 1"));
    WriteFile("/proc/self/gid_map", absl::StrCat("0 ", group, " 1"));
  }
  ASSERT_EQ(mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << std::strerror(errno);
}

void MountSmallDisk(const std::string& folder, uint64_t bytes) { Mount(folder, bytes, 0); }
void ResizeSmallDisk(const std::string& folder, uint64_t bytes) {
  Mount(folder, bytes, MS_REMOUNT);
}

}  // namespace dray::testing
