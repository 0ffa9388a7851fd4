// link: two hosts with a link between them, for a benchmark. Prints a line of JSON that tells the
// files of the hosts' network namespaces and the server's address; ends when standard input does,
// and then nothing of it is left.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "absl/time/time.h"
#include "tests/support/link.h"

int main(int argc, char** argv) {
  CLI::App app("Makes two hosts with a link between them, as root, until standard input ends.");
  double round_trip_ms = 0;
  dray::testing::Link::Conditions conditions;
  app.add_option("--round-trip-ms", round_trip_ms, "Time there and back");
  app.add_option("--loss", conditions.loss, "Share of packets that never arrive");
  app.add_option("--bits-per-second", conditions.bits_per_second, "Each way; 0 is no limit");
  CLI11_PARSE(app, argc, argv);
  conditions.latency = absl::Milliseconds(round_trip_ms / 2);
  dray::testing::Link link;
  link.Set(conditions);
  std::printf(
      "{\"server_namespace\": \"/proc/%d/ns/net\", \"client_namespace\": \"/proc/%d/fd/%d\", "
      "\"server_host\": \"%s\"}\n",
      getpid(), getpid(), link.client_namespace(), dray::testing::Link::server_host());
  std::fflush(stdout);
  char ignored[64];
  while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0) {
  }
  return 0;
}
