#ifndef DRAY_CORE_BASE_STATUS_H_
#define DRAY_CORE_BASE_STATUS_H_

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace dray {

// `status` with "context: " before its message; OK stays OK.
absl::Status WithContext(const absl::Status& status, std::string_view context);

// The status of a failed system call: "context: strerror(error)", with the canonical code that fits
// `error`.
absl::Status ErrnoStatus(int error, std::string_view context);

// Whether the same call may work when tried again later (UNAVAILABLE, DEADLINE_EXCEEDED, ABORTED,
// RESOURCE_EXHAUSTED).
bool IsRetryable(const absl::Status& status);

}  // namespace dray

#define DRAY_CONCAT_INNER_(a, b) a##b
#define DRAY_CONCAT_(a, b) DRAY_CONCAT_INNER_(a, b)

// Returns from the function when the expression is not OK. DRAY_CO_ is for coroutines.
#define DRAY_RETURN_IF_ERROR(expression)                                                \
  do {                                                                                  \
    if (absl::Status dray_status = (expression); !dray_status.ok()) return dray_status; \
  } while (false)
#define DRAY_CO_RETURN_IF_ERROR(expression)                                                \
  do {                                                                                     \
    if (absl::Status dray_status = (expression); !dray_status.ok()) co_return dray_status; \
  } while (false)

// DRAY_ASSIGN_OR_RETURN(auto value, F()): value, or return of the error.
#define DRAY_ASSIGN_OR_RETURN(lhs, expression) \
  DRAY_ASSIGN_OR_RETURN_INNER_(DRAY_CONCAT_(dray_or_, __LINE__), lhs, expression, return )
#define DRAY_CO_ASSIGN_OR_RETURN(lhs, expression) \
  DRAY_ASSIGN_OR_RETURN_INNER_(DRAY_CONCAT_(dray_or_, __LINE__), lhs, expression, co_return )
#define DRAY_ASSIGN_OR_RETURN_INNER_(temp, lhs, expression, leave) \
  auto temp = (expression);                                        \
  if (!temp.ok()) leave std::move(temp).status();                  \
  lhs = *std::move(temp)

#endif  // DRAY_CORE_BASE_STATUS_H_
