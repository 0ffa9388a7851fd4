#include "core/net/condition.h"

#include <utility>

namespace dray {

boost::asio::awaitable<void> Condition::Wait() {
  auto start = [this](Resume resume) { waiters_.push_back(std::move(resume)); };
  co_await Suspend(start);
}

void Condition::NotifyAll() {
  std::vector<Resume> waiters = std::exchange(waiters_, {});
  for (Resume& resume : waiters) resume();
}

}  // namespace dray
