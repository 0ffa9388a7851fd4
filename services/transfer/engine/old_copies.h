#ifndef DRAY_SERVICES_TRANSFER_ENGINE_OLD_COPIES_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_OLD_COPIES_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "core/base/leases.h"
#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/download_bases.h"
#include "services/transfer/engine/engine.h"

namespace dray::transfer {

// Chunks of an old copy, one after the other: [first, first + count).
struct OldRange {
  uint32_t first = 0;
  uint32_t count = 0;

  friend bool operator==(const OldRange&, const OldRange&) = default;
};

// For each new chunk that is not among the old ones, those that it is likely to be made of: what
// lay between its nearest neighbours that stayed. `old_lengths`: 0 where the server does not have
// the chunk; `places`: where each new chunk is among the old ones, if it is. `count` is 0 where
// there is no base. At most kMaxOldBaseBytes each.
inline constexpr uint64_t kMaxOldBaseBytes = 512u << 10;
std::vector<OldRange> ChooseOldBases(absl::Span<const uint32_t> old_lengths,
                                     absl::Span<const std::optional<uint32_t>> places);

// The older copies that a client has of the files that it asks for: docs/format/wire.md, "Old
// copies of small files". Says what of a version is sent, and what may come as a delta. Memory:
// some 100 bytes for each old chunk. Not thread-safe.
class OldCopies {
 public:
  // Chunks that the old copy of one file may have, and all together.
  static constexpr size_t kMaxChunksOfItem = 64;
  static constexpr size_t kMaxChunks = 8192;
  // Versions of more chunks come whole.
  static constexpr size_t kMaxEntries = 1024;

  // `ids`: for each item asked for, the ids of its old chunks, of 32 bytes each; empty: none.
  // INVALID_ARGUMENT for what are no ids, or too many.
  static absl::StatusOr<std::unique_ptr<OldCopies>> Make(std::vector<std::string> ids);

  // Asks delta which of the chunks are known; none are when it cannot tell.
  boost::asio::awaitable<void> Find(const Engine* engine, std::string_view connection_id);

  // How the chunks of a version are sent.
  struct Plan {
    struct Chunk {
      bool sent = false;                  // else it is among the old ones
      const OfferedBase* base = nullptr;  // owned by the OldCopies
    };
    std::vector<Chunk> chunks;
    std::string entries;  // as in Entries
    uint64_t sent_bytes = 0;
  };
  // Without chunks where the version comes whole: the client has nothing of it, and nothing that is
  // known.
  Plan PlanItem(size_t item, absl::Span<const delta::v1::StoredChunk> chunks);

 private:
  explicit OldCopies(std::vector<std::string> ids) : ids_(std::move(ids)) {}
  const OfferedBase* MakeBase(size_t item, const OldRange& range);

  Leases::Lease lease_;  // on the chunks found
  std::vector<std::string> ids_;
  std::vector<std::vector<delta::v1::StoredChunk>> found_;  // as ids_; length 0: not known
  std::deque<OfferedBase> bases_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_OLD_COPIES_H_
