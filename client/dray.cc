#include "client/dray.h"

#include <utility>

#include "client/cancellation.h"
#include "client/channel.h"
#include "client/get.h"
#include "client/hash_cache.h"
#include "client/names.h"
#include "client/put.h"
#include "client/socket.h"
#include "client/sync/sync.h"
#include "core/base/path.h"
#include "core/base/random.h"
#include "core/framing/frame.h"

namespace dray {

class Client::Impl {
 public:
  explicit Impl(ClientOptions options)
      : options_(std::move(options)),
        hash_cache_({.folder = options_.hash_cache_folder}),
        channels_(&options_, &cancellation_, &traffic_) {
    traffic_.sending.Set(options_.bytes_per_second);
    traffic_.receiving.Set(options_.bytes_per_second);
  }

  // Runs `work` as an operation with a tracker of its own.
  template <typename Work>
  Outcome Track(const Work& work) {
    Tracker tracker(options_.callbacks, &traffic_);
    const Operation operation = {&options_, &cancellation_, &channels_, &tracker, &hash_cache_};
    Outcome outcome;
    outcome.status = work(operation);
    outcome.summary = tracker.Finish();
    return outcome;
  }

  // Runs `ask` with a channel; nothing is counted.
  template <typename Question>
  absl::Status WithChannel(const Question& ask) {
    Callbacks callbacks = {.on_notice = options_.callbacks.on_notice};
    Tracker tracker(callbacks, &traffic_);
    const Operation operation = {&options_, &cancellation_, &channels_, &tracker, &hash_cache_};
    const ChannelPool::Borrowed channel = channels_.Borrow();
    const absl::Status status = ask(operation, channel.get());
    if (!status.ok() && absl::IsCancelled(status)) channel->Drop();
    return status;
  }

  template <typename Answer>
  absl::StatusOr<Answer> AskOne(FrameType type, const google::protobuf::MessageLite& question,
                                FrameType answer_type,
                                wire::v1::Feature feature = wire::v1::NO_FEATURE) {
    Answer answer;
    DRAY_RETURN_IF_ERROR(WithChannel([&](const Operation& operation, Channel* channel) {
      return Ask(operation, channel, type, question, answer_type, &answer, feature);
    }));
    return answer;
  }

  Cancellation& cancellation() { return cancellation_; }
  const Traffic& traffic() const { return traffic_; }

 private:
  const ClientOptions options_;
  Cancellation cancellation_;
  Traffic traffic_;
  HashCache hash_cache_;
  ChannelPool channels_;  // last: its connections use the others
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;

Outcome Client::Put(absl::Span<const PutJob> jobs, const PutOptions& options) {
  return impl_->Track([&](const Operation& operation) { return PutAll(operation, jobs, options); });
}

Outcome Client::Get(absl::Span<const GetJob> jobs, const GetOptions& options) {
  return impl_->Track([&](const Operation& operation) { return GetAll(operation, jobs, options); });
}

Outcome Client::Sync(const SyncJob& job, const SyncOptions& options) {
  return impl_->Track([&](const Operation& operation) { return SyncAll(operation, job, options); });
}

absl::StatusOr<wire::v1::Version> Client::Stat(const std::string& path, uint64_t number,
                                               int64_t at_ns) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(path).status());
  wire::v1::Stat question;
  question.mutable_version()->set_path(path);
  question.mutable_version()->set_number(number);
  question.mutable_version()->set_at_ns(at_ns);
  DRAY_ASSIGN_OR_RETURN(const auto answer,
                        impl_->AskOne<wire::v1::Changed>(FrameType::kStat, question,
                                                         FrameType::kChanged, FeatureFor(at_ns)));
  return answer.version();
}

absl::Status Client::List(const std::string& path, bool recursive,
                          const std::function<absl::Status(const wire::v1::Version&)>& on_version,
                          int64_t at_ns) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(path).status());
  wire::v1::List question;
  question.set_path(path);
  question.set_recursive(recursive);
  question.set_at_ns(at_ns);
  return impl_->WithChannel([&](const Operation& operation, Channel* channel) {
    return ListVersions(operation, channel, question, on_version);
  });
}

absl::Status Client::History(
    const std::string& path,
    const std::function<absl::Status(const wire::v1::Version&)>& on_version) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(path).status());
  return impl_->WithChannel([&](const Operation& operation, Channel* channel) {
    return ListHistory(operation, channel, path, on_version);
  });
}

absl::StatusOr<wire::v1::Changed> Client::Move(const std::string& from, const std::string& to) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(from).status());
  DRAY_RETURN_IF_ERROR(SplitRemotePath(to).status());
  wire::v1::Move question;
  question.set_from(from);
  question.set_to(to);
  question.set_operation_id(RandomBytes(16));
  return impl_->AskOne<wire::v1::Changed>(FrameType::kMove, question, FrameType::kChanged);
}

absl::StatusOr<wire::v1::Changed> Client::Delete(const std::string& path, bool recursive) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(path).status());
  wire::v1::Delete question;
  question.set_path(path);
  question.set_recursive(recursive);
  question.set_operation_id(RandomBytes(16));
  return impl_->AskOne<wire::v1::Changed>(FrameType::kDelete, question, FrameType::kChanged);
}

absl::StatusOr<wire::v1::Changed> Client::Restore(const std::string& path, uint64_t number) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(path).status());
  wire::v1::Restore question;
  question.mutable_version()->set_path(path);
  question.mutable_version()->set_number(number);
  question.set_operation_id(RandomBytes(16));
  return impl_->AskOne<wire::v1::Changed>(FrameType::kRestore, question, FrameType::kChanged);
}

absl::StatusOr<std::vector<wire::v1::Retention>> Client::Retentions() {
  absl::StatusOr<std::vector<wire::v1::Retention>> rules = absl::UnknownError("not asked");
  DRAY_RETURN_IF_ERROR(impl_->WithChannel([&](const Operation& operation, Channel* channel) {
    rules = ListRetentionRules(operation, channel);
    return rules.status();
  }));
  return rules;
}

absl::Status Client::SetRetention(const wire::v1::Retention& retention) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(retention.path()).status());
  wire::v1::SetRetention question;
  *question.mutable_retention() = retention;
  return impl_
      ->AskOne<wire::v1::Retentions>(FrameType::kSetRetention, question, FrameType::kRetentions,
                                     wire::v1::RETENTION)
      .status();
}

absl::Status Client::RemoveRetention(const std::string& path) {
  DRAY_RETURN_IF_ERROR(SplitRemotePath(path).status());
  wire::v1::SetRetention question;
  question.mutable_retention()->set_path(path);
  question.set_remove(true);
  return impl_
      ->AskOne<wire::v1::Retentions>(FrameType::kSetRetention, question, FrameType::kRetentions,
                                     wire::v1::RETENTION)
      .status();
}

absl::StatusOr<wire::v1::StatusReply> Client::Status() {
  return impl_->AskOne<wire::v1::StatusReply>(FrameType::kStatus, wire::v1::Status(),
                                              FrameType::kStatusReply);
}

void Client::Cancel() { impl_->cancellation().Cancel(); }

uint64_t Client::bytes_sent() const { return impl_->traffic().sent; }
uint64_t Client::bytes_received() const { return impl_->traffic().received; }

}  // namespace dray
