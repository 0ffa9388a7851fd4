// dray-delta: compares hashes and keeps the catalog.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>

#include "core/daemon/daemon.h"
#include "services/delta/check.h"
#include "services/delta/serve.h"

int main(int argc, char** argv) {
  CLI::App app("dray-delta compares hashes and keeps the catalog of files, versions and chunks.");
  dray::delta::ServeFlags flags;
  app.add_option("--listen", flags.listen, "Address for gRPC, HOST:PORT")->capture_default_str();
  app.add_option("--catalog", flags.catalog, "The catalog: sqlite:FILE, made if need be")
      ->required();
  app.add_option("--monitor", flags.monitor, "The monitor service to push metrics to, HOST:PORT");
  app.add_flag("--allow-anyone", flags.allow_anyone,
               "Listen for other machines too, though nobody is asked who they are");
  dray::AddDaemonFlags(app, &flags.daemon);
  CLI::App* check = app.add_subcommand("check", "Check the catalog's consistency, and end");
  check->fallthrough();
  if (const auto status = dray::ParseFlags(app, "DRAY_DELTA", argc, argv)) return *status;

  const absl::Status result = check->parsed() ? dray::delta::CheckCatalog(flags.catalog, std::cout)
                                              : dray::delta::Serve(flags);
  if (result.ok()) return 0;
  std::cerr << "dray-delta: " << result.message() << "\n";
  return 1;
}
