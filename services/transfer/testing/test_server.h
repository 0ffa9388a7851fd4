#ifndef DRAY_SERVICES_TRANSFER_TESTING_TEST_SERVER_H_
#define DRAY_SERVICES_TRANSFER_TESTING_TEST_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "services/transfer/engine/testing/fake_delta.h"
#include "services/transfer/server.h"

namespace dray::transfer {

// A whole transfer service in this process, on ports and in a folder of its own, with a delta in
// memory behind it.
class TestServer {
 public:
  // `change` may change the options before the start.
  explicit TestServer(const std::function<void(Server::Options*)>& change = {});
  ~TestServer();

  std::string address() const { return server_->listen_addresses()[0]; }
  FakeDelta& delta() { return delta_; }
  Server& server() { return *server_; }
  const std::string& data() const { return data_; }

 private:
  FakeDelta delta_;
  std::string data_;
  std::unique_ptr<Server> server_;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_TESTING_TEST_SERVER_H_
