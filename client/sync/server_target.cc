#include "client/sync/server_target.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "client/names.h"
#include "client/sync/delete_pipeline.h"
#include "core/base/path.h"
#include "core/base/random.h"
#include "core/framing/frame.h"

namespace dray {

ServerTarget::ServerTarget(const SyncContext& context) : context_(context) {
  put_options_.checksum = context.options->checksum;
  put_options_.may_vanish = true;
}

absl::Status ServerTarget::Begin() { return absl::OkStatus(); }

absl::Status ServerTarget::DeleteOne(const std::string& path) {
  wire::v1::Delete question;
  question.set_path(path);
  question.set_operation_id(RandomBytes(16));
  const Operation& operation = *context_.operation;
  const ChannelPool::Borrowed channel = operation.channels->Borrow();
  wire::v1::Changed answer;
  const absl::Status status =
      Ask(operation, channel.get(), FrameType::kDelete, question, FrameType::kChanged, &answer);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status ServerTarget::Put(const SyncEntry& entry) {
  if (session_ == nullptr) {
    session_ = std::make_unique<PutSession>(*context_.operation, put_options_, /*alone=*/false);
  }
  LocalEntry local = {.base = context_.base,
                      .name = entry.name,
                      .local = context_.LocalName(entry.name),
                      .remote = context_.RemoteName(entry.name),
                      .metadata = MetadataOf(entry),
                      .state = entry.state};
  if (const auto names = SplitRemotePath(local.remote); !names.ok()) {
    context_.ReportFailed(entry, names.status());
    return absl::OkStatus();
  }
  return session_->Add(std::move(local)) ? absl::OkStatus() : absl::CancelledError("interrupted");
}

absl::Status ServerTarget::Execute(const SyncRecord& record) {
  if (record.change.action == SyncChange::Action::kReplace) {
    const absl::Status gone = DeleteOne(context_.RemoteName(record.entry.name));
    if (absl::IsUnavailable(gone) || absl::IsCancelled(gone)) return gone;
    if (!gone.ok()) {
      context_.ReportFailed(record.entry, gone);
      return absl::OkStatus();
    }
  }
  return Put(record.entry);
}

absl::Status ServerTarget::Settle() {
  if (session_ == nullptr) return absl::OkStatus();
  const absl::Status status = session_->Finish();
  session_.reset();
  return status;
}

absl::Status ServerTarget::Remove(const SpillList& extras) {
  DeletePipeline pipeline(*context_.operation);
  DeletePipeline::Request request = {.names = 0};
  const auto submit = [&] {
    return request.names == 0 ? absl::OkStatus()
                              : pipeline.Submit(std::exchange(request, {.names = 0}));
  };
  // Backward, a folder comes before what is in it, and takes that along.
  DRAY_RETURN_IF_ERROR(extras.ForEachBackward([&](std::string_view bytes) -> absl::Status {
    const SyncEntry entry = DecodeRecord(bytes).entry;
    std::string path = context_.RemoteName(entry.name);
    if (request.recursive && absl::StartsWith(path, request.path + "/")) {
      ++request.names;
      return absl::OkStatus();
    }
    DRAY_RETURN_IF_ERROR(submit());
    request = {std::move(path), context_.LocalName(entry.name), entry.folder(), 1};
    return absl::OkStatus();
  }));
  DRAY_RETURN_IF_ERROR(submit());
  return pipeline.Drain();
}

absl::Status ServerTarget::ExecuteBlocked(const SpillList& blocked, bool removed) {
  return blocked.ForEach([&](std::string_view bytes) -> absl::Status {
    const SyncEntry entry = DecodeRecord(bytes).entry;
    const absl::Status gone =
        removed ? absl::OkStatus() : DeleteOne(context_.RemoteName(entry.name));
    if (absl::IsUnavailable(gone) || absl::IsCancelled(gone)) return gone;
    if (gone.ok()) return Put(entry);
    context_.ReportFailed(entry, BlockedError(context_.RemoteName(entry.name)));
    return absl::OkStatus();
  });
}

absl::Status ServerTarget::End(const SpillList&) { return absl::OkStatus(); }

}  // namespace dray
