#ifndef DRAY_CORE_NET_EVENT_LOOPS_H_
#define DRAY_CORE_NET_EVENT_LOOPS_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace dray {

// Event loops with one thread each, so that what stays on one loop needs no locks. Thread-safe.
class EventLoops {
 public:
  // Starts `count` threads called "<name>-0", "<name>-1"... REQUIRES: count >= 1.
  EventLoops(int count, const std::string& name);
  // Stops. What still waits on a loop is destroyed.
  ~EventLoops();

  EventLoops(const EventLoops&) = delete;
  EventLoops& operator=(const EventLoops&) = delete;

  // The loops in turn.
  boost::asio::io_context& Next();
  boost::asio::io_context& first();

  // Ends and joins the threads; what still waits on the loops stays as it is until they are
  // destroyed. Whatever may still call into a loop from another thread has to end between this and
  // the destructor.
  void Stop();

 private:
  struct Loop;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::atomic<size_t> next_{0};
};

}  // namespace dray

#endif  // DRAY_CORE_NET_EVENT_LOOPS_H_
