#ifndef DRAY_TESTS_SUPPORT_MOUNTS_H_
#define DRAY_TESTS_SUPPORT_MOUNTS_H_

#include <cstdint>
#include <string>

namespace dray::testing {

// Gives this process, and those that it starts, mounts that nobody else sees and that go with it.
// As root, or where users may make namespaces; elsewhere the test fails. REQUIRES: no other thread
// runs.
void EnterOwnMounts();

// A file system in memory with so much room, on an empty folder.
void MountSmallDisk(const std::string& folder, uint64_t bytes);
// Gives it more room, or less.
void ResizeSmallDisk(const std::string& folder, uint64_t bytes);

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_MOUNTS_H_
