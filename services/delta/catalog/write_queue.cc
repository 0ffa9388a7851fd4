#include "services/delta/catalog/write_queue.h"

#include <utility>

#include "core/base/clock.h"
#include "core/telemetry/logging.h"

namespace dray::delta {

WriteQueue::WriteQueue(Options options, std::unique_ptr<Database> database)
    : options_(std::move(options)),
      database_(std::move(database)),
      access_(database_.get()),
      answers_("delta-answer", 1) {
  thread_ = std::thread([this] {
    NameThread("delta-writer");
    RunThread();
  });
}

WriteQueue::~WriteQueue() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void WriteQueue::Add(Catalog::WriteJob job, Catalog::Done done) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back({std::move(job), std::move(done), absl::OkStatus()});
}

void WriteQueue::RunThread() {
  Operation operation;
  while (Next(/*wait=*/true, &operation)) RunGroup(std::move(operation));
}

bool WriteQueue::Next(bool wait, Operation* operation) {
  absl::MutexLock lock(&mutex_);
  if (wait) {
    mutex_.Await(absl::Condition(
        +[](WriteQueue* self) ABSL_EXCLUSIVE_LOCKS_REQUIRED(self->mutex_) {
          return self->stopping_ || !self->queue_.empty();
        },
        this));
  }
  if (queue_.empty()) return false;
  *operation = std::move(queue_.front());
  queue_.pop_front();
  return true;
}

void WriteQueue::RunGroup(Operation first) {
  std::vector<Operation> group;
  group.push_back(std::move(first));
  absl::Status status = database_->Execute("BEGIN IMMEDIATE");
  const absl::Time deadline = SteadyNow() + options_.max_group_time;
  while (status.ok()) {
    status = RunJob(group.back());
    if (!status.ok()) break;
    Operation next;
    if (group.size() >= options_.max_group || SteadyNow() >= deadline) break;
    if (!Next(/*wait=*/false, &next)) break;
    group.push_back(std::move(next));
  }
  if (status.ok()) status = Commit(group.size());
  if (!status.ok()) FailGroup(status, group);
  Answer(std::move(group));
}

absl::Status WriteQueue::RunJob(Operation& operation) {
  operation.status = access_.Nested([&] { return operation.job(access_); });
  if (database_->InTransaction()) return absl::OkStatus();
  return operation.status;  // the whole transaction is gone
}

absl::Status WriteQueue::Commit(size_t jobs) {
  const absl::Time start = SteadyNow();
  DRAY_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  if (options_.on_commit) options_.on_commit(jobs, absl::ToDoubleSeconds(SteadyNow() - start));
  return absl::OkStatus();
}

void WriteQueue::FailGroup(const absl::Status& status, std::vector<Operation>& group) {
  spdlog::error("a commit of {} operations failed: {}", group.size(),
                std::string(status.message()));
  if (database_->InTransaction()) {
    const absl::Status undone = database_->Execute("ROLLBACK");
    if (!undone.ok()) spdlog::error("cannot roll back: {}", std::string(undone.message()));
  }
  for (Operation& operation : group) {
    if (operation.status.ok()) operation.status = status;
  }
}

void WriteQueue::Answer(std::vector<Operation> group) {
  auto answered = std::make_shared<std::vector<Operation>>(std::move(group));
  answers_.Add([answered](size_t) {
    for (Operation& operation : *answered) operation.done(operation.status);
  });
}

}  // namespace dray::delta
