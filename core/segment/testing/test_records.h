#ifndef DRAY_CORE_SEGMENT_TESTING_TEST_RECORDS_H_
#define DRAY_CORE_SEGMENT_TESTING_TEST_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/base/ids.h"

namespace dray {

// Records whose every byte follows from a number. Their ids are not SHA-256s of anything.
ChunkId TestChunkId(uint64_t number);
std::string TestRecord(uint64_t number, size_t raw_bytes);

}  // namespace dray

#endif  // DRAY_CORE_SEGMENT_TESTING_TEST_RECORDS_H_
