#ifndef DRAY_CORE_NET_SUSPEND_H_
#define DRAY_CORE_NET_SUSPEND_H_

#include <boost/asio/awaitable.hpp>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"

namespace dray {

// Continues a suspended coroutine. To be called once at most, from any thread, which it never
// blocks. Dropping it uncalled destroys the coroutine; that is for shutting down, when no event
// loop runs any more.
using Resume = absl::AnyInvocable<void()>;

// The bridge from coroutines to everything that calls back: suspends the calling coroutine, calls
// `start` on its thread, and goes on, on the coroutine's own executor, after the Resume was called.
// `start` must outlive the suspension: give it a named lambda.
boost::asio::awaitable<void> Suspend(absl::FunctionRef<void(Resume)> start);

}  // namespace dray

#endif  // DRAY_CORE_NET_SUSPEND_H_
