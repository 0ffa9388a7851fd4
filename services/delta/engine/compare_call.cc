#include "services/delta/engine/compare_call.h"

#include "services/delta/engine/convert.h"
#include "services/delta/engine/names.h"
#include "services/delta/engine/upload.h"

namespace dray::delta {
namespace {

// Nodes that wait for nothing are added when so many have gathered; the rest by AddChunks and the
// commit.
constexpr size_t kReadyNodesToFlush = 64;

}  // namespace

CompareCall::CompareCall(CallTimer timer, DeltaMetrics& metrics, Catalog& catalog,
                         SessionTable& sessions)
    : timer_(std::move(timer)), metrics_(metrics), catalog_(catalog), sessions_(sessions) {
  std::tie(id_, session_) = sessions_.Open();
  metrics_.SessionOpened();
  response_.mutable_opened()->set_session(id_);
  StartReadAndWrite();
}

void CompareCall::StartReadAndWrite() {
  running_ = 2;
  StartWrite(&response_);
  StartRead(&request_);
}

void CompareCall::OnReadDone(bool ok) {
  read_ok_ = ok;
  OneEnded();
}

void CompareCall::OnWriteDone(bool ok) {
  write_ok_ = ok;
  OneEnded();
}

void CompareCall::OneEnded() {
  if (running_.fetch_sub(1) != 1) return;
  if (!write_ok_) return End(absl::CancelledError("the peer is gone"));
  if (!read_ok_) return End(absl::OkStatus());
  Step();
}

void CompareCall::Step() {
  catalog_.Read([this](CatalogView& view) {
    response_.Clear();
    if (absl::Status status = Answer(view); !status.ok()) return End(status);
    if (session_->ready_count() >= kReadyNodesToFlush) FlushReadyNodes(catalog_, session_);
    StartReadAndWrite();
  });
}

absl::Status CompareCall::Answer(CatalogView& view) {
  if (request_.has_offer()) {
    if (!request_.offer().base_path().empty()) {
      DRAY_RETURN_IF_ERROR(SearchBases(view, request_.offer().base_path()));
    }
    DRAY_ASSIGN_OR_RETURN(
        const CompareSession::Known known,
        session_->Offer(view, request_.offer().node_ids(), request_.offer().shapes()));
    auto* answer = response_.mutable_known();
    answer->set_answered(known.answered);
    answer->mutable_unknown()->Add(known.unknown.begin(), known.unknown.end());
    for (const CompareSession::Old& old : known.olds) {
      auto* out = answer->add_olds();
      out->set_ordinal(old.ordinal);
      out->set_entries(EncodeNode({.entries = old.entries}).substr(kNodeHeadBytes));
    }
    return absl::OkStatus();
  }
  if (!request_.has_node()) return absl::InvalidArgumentError("a step without an offer or a node");
  const auto& node = request_.node();
  DRAY_ASSIGN_OR_RETURN(const CompareSession::Missing missing,
                        session_->AddEntries(view, node.ordinal(), node.encoding()));
  auto* answer = response_.mutable_wanted();
  answer->set_ordinal(node.ordinal());
  answer->mutable_missing()->Add(missing.indices.begin(), missing.indices.end());
  for (const Base& base : missing.bases) BaseToProto(base, answer->add_bases());
  return absl::OkStatus();
}

absl::Status CompareCall::SearchBases(CatalogView& view, std::string_view path) {
  const absl::StatusOr<EntryRecord> entry = FindLive(view, path);
  if (absl::IsUnavailable(entry.status())) return entry.status();
  // A new name has nothing that it could be like.
  if (entry.ok() && entry->head.root && entry->head.metadata.size > 0) {
    session_->SearchBases(BaseFinder(*entry->head.root, entry->head.metadata.size));
  }
  return absl::OkStatus();
}

void CompareCall::End(const absl::Status& status) {
  sessions_.Close(id_);
  metrics_.SessionClosed();
  timer_.End(status);
  Finish(ToGrpcStatus(status));
}

void CompareCall::OnDone() { delete this; }

}  // namespace dray::delta
