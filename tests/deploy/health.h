#ifndef DRAY_TESTS_DEPLOY_HEALTH_H_
#define DRAY_TESTS_DEPLOY_HEALTH_H_

#include <string>

namespace dray::testing {

// Asks as kubelet does: gRPC's standard health service at "host:port", for `service`. "SERVING",
// "NOT_SERVING", or why there was no answer.
std::string AskHealth(const std::string& address, const std::string& service);

}  // namespace dray::testing

#endif  // DRAY_TESTS_DEPLOY_HEALTH_H_
