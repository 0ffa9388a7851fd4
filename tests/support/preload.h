#ifndef DRAY_TESTS_SUPPORT_PRELOAD_H_
#define DRAY_TESTS_SUPPORT_PRELOAD_H_

#include <string>

namespace dray::testing {

// Where a library for LD_PRELOAD is, of those that are built beside this file.
std::string PreloadPath(const std::string& name);

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_PRELOAD_H_
