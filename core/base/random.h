#ifndef DRAY_CORE_BASE_RANDOM_H_
#define DRAY_CORE_BASE_RANDOM_H_

#include <cstdint>
#include <string>

namespace dray {

// Unpredictable bytes from getrandom(2). Thread-safe.
std::string RandomBytes(size_t count);
uint64_t RandomWord();

}  // namespace dray

#endif  // DRAY_CORE_BASE_RANDOM_H_
