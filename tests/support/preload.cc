#include "tests/support/preload.h"

#include <cstdlib>
#include <filesystem>

namespace dray::testing {

std::string PreloadPath(const std::string& name) {
  const std::string below_top = "tests/support/" + name;
  const char* runfiles = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  if (runfiles != nullptr && workspace != nullptr) {
    return std::string(runfiles) + "/" + workspace + "/" + below_top;
  }
  return std::filesystem::absolute("bazel-bin/" + below_top);
}

}  // namespace dray::testing
