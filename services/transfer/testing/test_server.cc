#include "services/transfer/testing/test_server.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/random.h"

namespace dray::transfer {

TestServer::TestServer(const std::function<void(Server::Options*)>& change)
    : data_(
          absl::StrCat(testing::TempDir(), "/transfer-", absl::BytesToHexString(RandomBytes(8)))) {
  Server::Options options;
  options.listen = {Address{"127.0.0.1", 0}};
  options.admin = Address{"127.0.0.1", 0};
  options.data = data_;
  options.delta = delta_.address();
  options.loops = 2;
  options.disk_threads = 4;
  if (change) change(&options);
  auto server = Server::Start(options);
  if (!server.ok()) {
    std::cerr << "cannot start: " << server.status() << "\n";
    std::abort();
  }
  server_ = *std::move(server);
}

TestServer::~TestServer() {
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(data_, ignored);
}

}  // namespace dray::transfer
