#include "services/delta/engine/compare_blocks_call.h"

#include <utility>

#include "services/delta/engine/convert.h"

namespace dray::delta {

CompareBlocksCall::CompareBlocksCall(CallTimer timer, Catalog& catalog)
    : timer_(std::move(timer)), catalog_(catalog) {
  StartRead(&request_);
}

void CompareBlocksCall::OnReadDone(bool ok) {
  if (!ok) return End(absl::OkStatus());
  response_.Clear();
  if (request_.has_stored()) return KeepStored();
  catalog_.Read([this](CatalogView& view) {
    if (absl::Status status = Answer(view); !status.ok()) return End(status);
    StartWrite(&response_);
  });
}

void CompareBlocksCall::OnWriteDone(bool ok) {
  if (!ok) return End(absl::CancelledError("the peer is gone"));
  StartRead(&request_);
}

void CompareBlocksCall::KeepStored() {
  const auto& piece = request_.stored();
  if (absl::Status status = comparison_.CheckStored(piece.hashes(), piece.last()); !status.ok()) {
    return End(status);
  }
  catalog_.Write(
      [this, &piece](CatalogTransaction& transaction) {
        return comparison_.AddStored(transaction, piece.hashes(), piece.last());
      },
      [this, &piece](const absl::Status& status) {
        if (!status.ok()) return End(status);
        comparison_.StoredAdded(piece.hashes(), piece.last());
        response_.mutable_kept();
        StartWrite(&response_);
      });
}

absl::Status CompareBlocksCall::Answer(CatalogView& view) {
  if (request_.has_open()) {
    const auto& open = request_.open();
    DRAY_RETURN_IF_ERROR(comparison_.Open(view, open.path(), open.block_bytes()));
    auto* opened = response_.mutable_opened();
    VersionToProto(comparison_.path(), comparison_.version(), opened->mutable_version());
    opened->set_list_needed(comparison_.list_needed());
    return absl::OkStatus();
  }
  if (request_.step_case() != v1::CompareBlocksRequest::kHashes) {
    return absl::InvalidArgumentError("a step without anything in it");
  }
  DRAY_ASSIGN_OR_RETURN(const std::vector<uint64_t> missing,
                        comparison_.Compare(view, request_.hashes()));
  response_.mutable_missing()->mutable_blocks()->Add(missing.begin(), missing.end());
  return absl::OkStatus();
}

void CompareBlocksCall::End(const absl::Status& status) {
  timer_.End(status);
  Finish(ToGrpcStatus(status));
}

void CompareBlocksCall::OnDone() { delete this; }

}  // namespace dray::delta
