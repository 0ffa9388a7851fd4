#ifndef DRAY_SERVICES_TRANSFER_FLAGS_H_
#define DRAY_SERVICES_TRANSFER_FLAGS_H_

#include <chrono>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/daemon/daemon.h"
#include "services/transfer/server.h"

namespace dray::transfer {

// dray-transfer's command line.
struct Flags {
  DaemonFlags daemon;
  std::vector<std::string> listen = {"127.0.0.1:5000"};
  std::string admin = "127.0.0.1:5050";
  std::string data = "./var/transfer";
  std::string delta = "127.0.0.1:5051";
  std::string monitor;
  std::vector<std::string> dialects = {"native", "robust", "smart"};
  std::string admin_password_file;
  double answer_pause_seconds = 0.02;
  double command_quiet_seconds = 0.01;
  bool allow_anyone = false;
  size_t max_connections = 10'000;
  int threads = 0;
  double drain_seconds = 25;
  double compact_every_seconds = 60;
  double rewrite_below = 0.5;
};

void AddFlags(CLI::App& app, Flags* flags);

// INVALID_ARGUMENT or FAILED_PRECONDITION says which flag is wrong, why, and what to do.
absl::StatusOr<Server::Options> ToOptions(const Flags& flags);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_FLAGS_H_
