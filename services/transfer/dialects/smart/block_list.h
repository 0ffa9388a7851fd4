#ifndef DRAY_SERVICES_TRANSFER_DIALECTS_SMART_BLOCK_LIST_H_
#define DRAY_SERVICES_TRANSFER_DIALECTS_SMART_BLOCK_LIST_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/status.h"

namespace dray::transfer::smart {

// Parses {"total_blocks": n, "hashes": [64 hex digits, ...], "file_hash": 64 hex digits}, members
// in any order, as it comes; keeps no more of it than the hashes not taken yet. Members of other
// names are skipped if their values are plain. INVALID_ARGUMENT says what is wrong. Not
// thread-safe.
class BlockListParser {
 public:
  BlockListParser();
  ~BlockListParser();

  // The next bytes, cut anywhere. Not again after an error.
  absl::Status Write(std::string_view part);
  // There are no more.
  absl::Status Finish();

  // The hashes parsed since this was last asked, 32 bytes each.
  std::string TakeHashes();
  // After Finish().
  const AnyDigest& file_hash() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

// The text {"missing": [0, 1, 2]}, in pieces: it may be long.
class MissingText {
 public:
  // `blocks` outlives it.
  explicit MissingText(const std::vector<uint32_t>* blocks) : blocks_(*blocks) {}

  uint64_t length_bytes() const;
  // The next piece; empty at the end.
  std::string Next();

 private:
  const std::vector<uint32_t>& blocks_;
  size_t next_ = 0;
  bool ended_ = false;
};

}  // namespace dray::transfer::smart

#endif  // DRAY_SERVICES_TRANSFER_DIALECTS_SMART_BLOCK_LIST_H_
