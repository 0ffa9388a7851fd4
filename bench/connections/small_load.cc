// small_load: many connections at once, each putting or getting one small file again and again; a
// put always has new contents. Prints one object of JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "client/dray.h"
#include "core/base/random.h"
#include "core/net/address.h"

namespace dray {
namespace {

struct Flags {
  std::string server;
  std::string work = "put";
  std::string scratch = "/dev/shm";
  int connections = 1;
  int bytes = 4096;
  double seconds = 5;
};

// One connection's load, on a thread of its own.
class Load {
 public:
  Load(const Flags& flags, const Address& server, int number)
      : flags_(flags),
        client_({.server = server, .connections = 1}),
        local_(absl::StrCat(flags.scratch, "/", number)),
        put_{.local = local_, .remote = absl::StrCat("small/", number)},
        get_{.remote = put_.remote, .local = absl::StrCat(local_, ".back")} {}

  // Connects, and makes the file that is to be got.
  bool Prepare() { return NewContents() && Check(client_.Put({&put_, 1})); }

  void Run(absl::Time end) {
    const bool put = flags_.work == "put";
    while (absl::Now() < end && !failed_) {
      // What is there already would not be got again.
      if (put ? !NewContents() : std::remove(get_.local.c_str()) != 0 && !milliseconds_.empty()) {
        failed_ = true;
        return;
      }
      const absl::Time start = absl::Now();
      failed_ = !Check(put ? client_.Put({&put_, 1}) : client_.Get({&get_, 1}));
      milliseconds_.push_back(absl::ToDoubleMilliseconds(absl::Now() - start));
    }
  }

  bool failed() const { return failed_; }
  const std::vector<double>& milliseconds() const { return milliseconds_; }

 private:
  bool NewContents() {
    std::ofstream file(local_, std::ios::binary);
    file << RandomBytes(static_cast<size_t>(flags_.bytes));
    file.close();
    if (file.fail()) std::cerr << "cannot write " << local_ << "\n";
    return !file.fail();
  }
  bool Check(const Outcome& outcome) {
    if (!outcome.status.ok()) std::cerr << outcome.status << "\n";
    for (const FileReport& report : outcome.summary.failures) std::cerr << report.status << "\n";
    return outcome.ok();
  }

  const Flags& flags_;
  Client client_;
  const std::string local_;
  const PutJob put_;
  const GetJob get_;
  bool failed_ = false;
  std::vector<double> milliseconds_;
};

void Print(const std::vector<std::unique_ptr<Load>>& loads, double seconds) {
  std::vector<double> all;
  size_t fewest = loads[0]->milliseconds().size();
  size_t most = 0;
  for (const auto& load : loads) {
    const std::vector<double>& times = load->milliseconds();
    all.insert(all.end(), times.begin(), times.end());
    fewest = std::min(fewest, times.size());
    most = std::max(most, times.size());
  }
  std::sort(all.begin(), all.end());
  const auto quantile = [&all](size_t percent) {
    return all.empty() ? 0 : all[(all.size() - 1) * percent / 100];
  };
  std::cout << absl::StrFormat(
                   R"({"operations": %d, "seconds": %.3f, "p50_ms": %.3f, "p99_ms": %.3f, )"
                   R"("fewest": %d, "most": %d})",
                   all.size(), seconds, quantile(50), quantile(99), fewest, most)
            << std::endl;
}

int Run(const Flags& flags) {
  const auto server = ParseAddress(flags.server, 5000);
  if (!server.ok()) {
    std::cerr << server.status() << "\n";
    return 2;
  }
  std::vector<std::unique_ptr<Load>> loads;
  for (int i = 0; i < flags.connections; ++i) {
    loads.push_back(std::make_unique<Load>(flags, *server, i));
  }
  absl::BlockingCounter ready(flags.connections);
  absl::Notification go;
  std::atomic<bool> good{true};
  absl::Time end;
  std::vector<std::thread> threads;
  for (auto& load : loads) {
    threads.emplace_back([&] {
      if (!load->Prepare()) good = false;
      ready.DecrementCount();
      go.WaitForNotification();
      if (good) load->Run(end);
      if (load->failed()) good = false;
    });
  }
  ready.Wait();
  const absl::Time begin = absl::Now();
  end = begin + absl::Seconds(flags.seconds);
  go.Notify();
  for (std::thread& thread : threads) thread.join();
  Print(loads, absl::ToDoubleSeconds(absl::Now() - begin));
  return good ? 0 : 1;
}

}  // namespace
}  // namespace dray

int main(int argc, char** argv) {
  CLI::App app("Many connections that put or get one small file each, again and again.",
               "small_load");
  dray::Flags flags;
  app.add_option("--server", flags.server, "HOST:PORT of the front door")->required();
  app.add_option("--work", flags.work, "put or get")->check(CLI::IsMember({"put", "get"}));
  app.add_option("--scratch", flags.scratch, "Folder for local files")->capture_default_str();
  app.add_option("--connections", flags.connections, "At once")->check(CLI::PositiveNumber);
  app.add_option("--bytes", flags.bytes, "Size of each file")->capture_default_str();
  app.add_option("--seconds", flags.seconds, "For how long")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return dray::Run(flags);
}
