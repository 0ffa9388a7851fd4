// Puts a file or folder on a server and gets it back under another local name.
//
//   put_and_get HOST:PORT LOCAL REMOTE COPY
//
// REMOTE is relative to the server's top, for instance "examples/photos".
#include <cstdio>
#include <iostream>
#include <string>

#include "client/dray.h"
#include "core/net/address.h"

namespace {

// Callbacks run on threads of the library, one at a time.
dray::Callbacks MakeCallbacks() {
  dray::Callbacks callbacks;
  callbacks.on_progress = [](const dray::Progress& progress) {
    std::printf("%llu of %llu bytes, %llu saved\n",
                static_cast<unsigned long long>(progress.bytes_done),
                static_cast<unsigned long long>(progress.bytes_total),
                static_cast<unsigned long long>(progress.bytes_saved()));
  };
  callbacks.on_file = [](const dray::FileReport& report) {
    if (!report.status.ok()) std::cerr << report.status << "\n";
  };
  callbacks.on_notice = [](const dray::Notice& notice) { std::cerr << notice.message << "\n"; };
  return callbacks;
}

bool Succeeded(const char* what, const dray::Outcome& outcome) {
  // `status` is about the operation as a whole; files that failed on their own are in the summary.
  if (!outcome.status.ok()) std::cerr << what << ": " << outcome.status << "\n";
  std::cout << what << ": " << outcome.summary.files << " files, " << outcome.summary.bytes_total
            << " bytes, of which " << outcome.summary.bytes_saved << " did not have to move\n";
  return outcome.ok();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: put_and_get HOST:PORT LOCAL REMOTE COPY\n";
    return 2;
  }
  const auto server = dray::ParseAddress(argv[1], 5000);
  if (!server.ok()) {
    std::cerr << server.status() << "\n";
    return 2;
  }
  dray::ClientOptions options;
  options.server = *server;
  options.callbacks = MakeCallbacks();
  dray::Client client(options);

  const dray::PutJob put = {.local = argv[2], .remote = argv[3]};
  if (!Succeeded("put", client.Put({&put, 1}))) return 1;
  const dray::GetJob get = {.remote = argv[3], .local = argv[4]};
  return Succeeded("get", client.Get({&get, 1})) ? 0 : 1;
}
