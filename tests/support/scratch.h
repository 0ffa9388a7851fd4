#ifndef DRAY_TESTS_SUPPORT_SCRATCH_H_
#define DRAY_TESTS_SUPPORT_SCRATCH_H_

#include <cstdint>
#include <string>

#include "core/base/file.h"

namespace dray::testing {

// A folder of this test's own, removed with this object: below $DRAY_TEST_DIR if that is set, else
// in memory (/dev/shm) where that has `room_bytes`, else below $TEST_TMPDIR. What a killed test
// left behind is removed by the next one.
class Scratch {
 public:
  explicit Scratch(uint64_t room_bytes = uint64_t{1} << 30);
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  const std::string& folder() const { return folder_; }
  // A name below the folder.
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_;
  UniqueFd lock_;
};

// Bytes that can still be written to the file system of `folder`.
uint64_t FreeBytes(const std::string& folder);

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_SCRATCH_H_
