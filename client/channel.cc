#include "client/channel.h"

#include <utility>

#include "core/base/clock.h"

namespace dray {

Channel::Channel(const ClientOptions* options, Cancellation* cancellation, Traffic* traffic)
    : options_(options), cancellation_(cancellation), traffic_(traffic) {}

absl::StatusOr<std::shared_ptr<Connection>> Channel::Connect() {
  DRAY_RETURN_IF_ERROR(cancellation_->Check());
  if (connection_ != nullptr && connection_->usable()) return connection_;
  connection_.reset();
  DRAY_ASSIGN_OR_RETURN(connection_, Connection::Open({
                                         .server = options_->server,
                                         .connect_timeout = options_->connect_timeout,
                                         .silence_timeout = options_->silence_timeout,
                                         .traffic = traffic_,
                                         .cancellation = cancellation_,
                                     }));
  return connection_;
}

void Channel::PaceEncoder() {
  if (connection_ == nullptr) return;
  level_.Observe({SteadyNow(), encoder_.spent(), connection_->link_time()});
  encoder_.SetLevel(level_.level());
}

ChannelPool::ChannelPool(const ClientOptions* options, Cancellation* cancellation, Traffic* traffic)
    : options_(options), cancellation_(cancellation), traffic_(traffic) {}

ChannelPool::Borrowed ChannelPool::Borrow() {
  std::unique_ptr<Channel> channel;
  absl::MutexLock lock(&mu_);
  if (idle_.empty()) {
    channel = std::make_unique<Channel>(options_, cancellation_, traffic_);
  } else {
    channel = std::move(idle_.back());
    idle_.pop_back();
  }
  return Borrowed(channel.release(), [this](Channel* used) {
    absl::MutexLock lock(&mu_);
    idle_.emplace_back(used);
  });
}

bool Operation::Sleep(absl::Duration duration) const {
  if (cancellation->cancelled()) return false;
  return options->sleep ? options->sleep(duration) : cancellation->Sleep(duration);
}

Retrier Operation::MakeRetrier() const {
  return Retrier(
      options->retry, [operation = *this](absl::Duration wait) { return operation.Sleep(wait); },
      [tracker = tracker](const Notice& notice) { tracker->Tell(notice.kind, notice.message); });
}

}  // namespace dray
