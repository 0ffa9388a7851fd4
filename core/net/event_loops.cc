#include "core/net/event_loops.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "core/telemetry/logging.h"

namespace dray {
namespace asio = boost::asio;

struct EventLoops::Loop {
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  std::thread thread;
};

EventLoops::EventLoops(int count, const std::string& name) {
  for (int i = 0; i < count; ++i) {
    loops_.push_back(std::make_unique<Loop>());
    Loop& loop = *loops_.back();
    loop.thread = std::thread([&loop, thread_name = absl::StrCat(name, "-", i)] {
      NameThread(thread_name);
      loop.context.run();
    });
  }
}

EventLoops::~EventLoops() { Stop(); }

asio::io_context& EventLoops::Next() {
  return loops_[next_.fetch_add(1, std::memory_order_relaxed) % loops_.size()]->context;
}

asio::io_context& EventLoops::first() { return loops_.front()->context; }

void EventLoops::Stop() {
  for (const auto& loop : loops_) {
    loop->work.reset();
    loop->context.stop();
  }
  for (const auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

}  // namespace dray
