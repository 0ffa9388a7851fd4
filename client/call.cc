#include "client/call.h"

#include <google/protobuf/message_lite.h>

#include <utility>

namespace dray {
namespace {

// Answers not yet taken; beyond it the connection waits.
constexpr size_t kMaxQueuedBytes = 8 << 20;

}  // namespace

class Call::Answers : public RequestHandler {
 public:
  explicit Answers(FrameType type) : type_(type) {}

  absl::Status OnFrame(FrameType type, Bytes payload) override {
    if (type != type_) {
      return absl::InternalError(
          absl::StrCat("the server broke the protocol: ", FrameTypeName(type), " instead of ",
                       FrameTypeName(type_)));
    }
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &Answers::HasRoom));
    queued_bytes_ += payload.size();
    queue_.emplace_back(AsText(payload));
    return absl::OkStatus();
  }
  void OnFailure(const absl::Status& status, bool lost) override {
    absl::MutexLock lock(&mu_);
    status_ = status;
    lost_ = lost;
  }

  absl::StatusOr<std::string> Take(bool* lost) {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &Answers::Ready));
    if (queue_.empty()) {
      *lost = lost_;
      return status_;
    }
    std::string answer = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= answer.size();
    return answer;
  }
  void GiveUp() {
    absl::MutexLock lock(&mu_);
    given_up_ = true;
  }

 private:
  bool Ready() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return !queue_.empty() || !status_.ok(); }
  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return given_up_ || queued_bytes_ < kMaxQueuedBytes;
  }

  const FrameType type_;
  mutable absl::Mutex mu_;
  bool given_up_ ABSL_GUARDED_BY(mu_) = false;
  size_t queued_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<std::string> queue_ ABSL_GUARDED_BY(mu_);
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  bool lost_ ABSL_GUARDED_BY(mu_) = false;
};

Call::Call(std::shared_ptr<Connection> connection, std::shared_ptr<Answers> answers,
           uint16_t request)
    : connection_(std::move(connection)), answers_(std::move(answers)), request_(request) {}

absl::StatusOr<std::unique_ptr<Call>> Call::Start(
    std::shared_ptr<Connection> connection, FrameType answer_type,
    const std::function<absl::Status(uint16_t request)>& send) {
  auto answers = std::make_shared<Answers>(answer_type);
  DRAY_ASSIGN_OR_RETURN(const uint16_t request, connection->Start(answers));
  std::unique_ptr<Call> call(new Call(std::move(connection), std::move(answers), request));
  DRAY_RETURN_IF_ERROR(send(request));
  return call;
}

absl::StatusOr<std::unique_ptr<Call>> Call::Start(std::shared_ptr<Connection> connection,
                                                  FrameType type,
                                                  const google::protobuf::MessageLite& message,
                                                  FrameType answer_type) {
  return Start(connection, answer_type, [&](uint16_t request) {
    std::string frame;
    AppendControlFrame(type, request, message, &frame);
    return connection->Send(frame);
  });
}

Call::~Call() {
  answers_->GiveUp();
  connection_->Finish(request_);
}

absl::Status Call::Receive(google::protobuf::MessageLite* answer) {
  const Connection::Owed owed(connection_.get());
  DRAY_ASSIGN_OR_RETURN(const std::string payload, answers_->Take(&lost_));
  if (!answer->ParseFromString(payload)) {
    return absl::InternalError("the server broke the protocol: an answer that is no message");
  }
  return absl::OkStatus();
}

}  // namespace dray
