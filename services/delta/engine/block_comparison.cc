#include "services/delta/engine/block_comparison.h"

#include <utility>

#include "services/delta/engine/names.h"

namespace dray::delta {
namespace {

constexpr uint32_t kMinBlockBytes = 64;
constexpr uint32_t kMaxBlockBytes = 64u << 20;
constexpr size_t kPieceBytes = kHashesInPiece * kDigestBytes;

}  // namespace

absl::Status BlockComparison::Open(CatalogView& view, std::string path, uint32_t block_bytes) {
  if (opened_) return absl::InvalidArgumentError("a comparison is opened once");
  if (block_bytes < kMinBlockBytes || block_bytes > kMaxBlockBytes) {
    return absl::InvalidArgumentError(absl::StrCat("blocks of ", block_bytes, " bytes; from ",
                                                   kMinBlockBytes, " to ", kMaxBlockBytes,
                                                   " are possible"));
  }
  DRAY_ASSIGN_OR_RETURN(EntryRecord entry, FindLive(view, path));
  if (!entry.head.root) {
    return absl::FailedPreconditionError(absl::StrCat(Quoted(path), " is not a file"));
  }
  path_ = std::move(path);
  block_bytes_ = block_bytes;
  version_ = std::move(entry.head);
  DRAY_ASSIGN_OR_RETURN(const bool known, view.HasBlockList(*version_.root, block_bytes_));
  list_needed_ = !known;
  opened_ = true;
  return absl::OkStatus();
}

absl::Status BlockComparison::CheckPiece(std::string_view hashes) const {
  if (!opened_) return absl::InvalidArgumentError("hashes before the comparison was opened");
  if (hashes.size() > kPieceBytes || hashes.size() % kDigestBytes != 0) {
    return absl::InvalidArgumentError(absl::StrCat("a piece has ", hashes.size(),
                                                   " bytes; it must be hashes of 32 bytes, ",
                                                   kHashesInPiece, " at most"));
  }
  return absl::OkStatus();
}

absl::Status BlockComparison::CheckStored(std::string_view hashes, bool last) const {
  DRAY_RETURN_IF_ERROR(CheckPiece(hashes));
  if (!list_needed_) return absl::InvalidArgumentError("the version's list was not asked for");
  const uint64_t told = stored_hashes_ + hashes.size() / kDigestBytes;
  const uint64_t size = version_.metadata.size;
  const uint64_t blocks = size / block_bytes_ + (size % block_bytes_ != 0 ? 1 : 0);
  if (last ? told == blocks : hashes.size() == kPieceBytes && told < blocks) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the version has ", blocks, " blocks; ", told,
                   " hashes of it were told, in pieces that do not fit"));
}

absl::Status BlockComparison::AddStored(CatalogTransaction& transaction, std::string_view hashes,
                                        bool last) const {
  return transaction.AddBlockPiece(*version_.root, block_bytes_, stored_hashes_ / kHashesInPiece,
                                   hashes, last);
}

void BlockComparison::StoredAdded(std::string_view hashes, bool last) {
  stored_hashes_ += hashes.size() / kDigestBytes;
  if (last) list_needed_ = false;
}

absl::StatusOr<std::vector<uint64_t>> BlockComparison::Compare(CatalogView& view,
                                                               std::string_view hashes) {
  DRAY_RETURN_IF_ERROR(CheckPiece(hashes));
  if (list_needed_) return absl::InvalidArgumentError("the version's own list has to come first");
  if (compared_hashes_ % kHashesInPiece != 0) {
    return absl::InvalidArgumentError("a piece after one that was not whole");
  }
  DRAY_ASSIGN_OR_RETURN(
      const std::string stored,
      view.ReadBlockPiece(*version_.root, block_bytes_, compared_hashes_ / kHashesInPiece));
  std::vector<uint64_t> missing;
  for (size_t at = 0; at < hashes.size(); at += kDigestBytes, ++compared_hashes_) {
    // Behind the stored list's end the second view is shorter than a hash.
    const std::string_view has =
        std::string_view(stored).substr(std::min(at, stored.size()), kDigestBytes);
    if (hashes.substr(at, kDigestBytes) != has) missing.push_back(compared_hashes_);
  }
  return missing;
}

}  // namespace dray::delta
