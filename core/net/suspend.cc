#include "core/net/suspend.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace dray {
namespace asio = boost::asio;

asio::awaitable<void> Suspend(absl::FunctionRef<void(Resume)> start) {
  auto initiate = [start](auto handler) {
    // The executor counts the suspended coroutine as work: its loop does not end meanwhile.
    asio::any_io_executor executor = asio::prefer(asio::get_associated_executor(handler),
                                                  asio::execution::outstanding_work.tracked);
    start([handler = std::move(handler), executor = std::move(executor)]() mutable {
      asio::post(executor, [handler = std::move(handler)]() mutable { std::move(handler)(); });
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate,
                                                                       asio::use_awaitable);
}

}  // namespace dray
