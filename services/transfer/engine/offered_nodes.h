#ifndef DRAY_SERVICES_TRANSFER_ENGINE_OFFERED_NODES_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_OFFERED_NODES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray::transfer {

// What an upload's client has offered, as far as its nodes may be told in short by it;
// docs/format/wire.md, "Short nodes". Memory: 40 bytes for each of the first nodes, and what
// kMostOldBytes allows. Not thread-safe.
class OfferedNodes {
 public:
  // Nodes from here on cannot be named, and have no old entries.
  static constexpr size_t kMostNodes = 65'536;
  // Old entries that are kept at a time.
  static constexpr size_t kMostOldBytes = 8u << 20;

  // The next nodes: their ids, one after the other, with as many shapes (wire.v1.PutOffer).
  // INVALID_ARGUMENT when there are more of one than of the other.
  absl::Status Offer(std::string_view ids, absl::Span<const uint64_t> shapes);

  // Keeps the old entries of a leaf until it is told; false when there is no room, or when it
  // cannot be one.
  bool KeepOld(uint64_t ordinal, std::string entries);

  // The encoding of a node, in whichever of the three ways it is told. ABORTED when what is put
  // together is another node than the one offered, which has to be told whole then;
  // INVALID_ARGUMENT for what tells no node.
  absl::StatusOr<std::string> Complete(wire::v1::PutNode node);

 private:
  struct Offered {
    NodeId id;
    uint64_t length_bytes = 0;
    int level = 0;
  };
  absl::StatusOr<std::string> FromEdit(uint64_t ordinal, const wire::v1::LeafEdit& edit,
                                       std::string_view old_entries) const;
  absl::StatusOr<std::string> FromChildren(const wire::v1::PutNode& node) const;
  std::string TakeOld(uint64_t ordinal);

  std::vector<Offered> nodes_;  // by ordinal
  absl::flat_hash_map<uint64_t, std::string> olds_;
  size_t old_bytes_ = 0;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_OFFERED_NODES_H_
