// dray-delta: compares hashes and keeps the catalog.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <iostream>
#include <string>

#include "core/daemon/daemon.h"
#include "services/delta/audit/backup.h"
#include "services/delta/audit/check.h"
#include "services/delta/audit/rebuild.h"
#include "services/delta/serve.h"

namespace {

void AddTransferFlag(CLI::App* command, std::string* transfer) {
  command->add_option("--transfer", *transfer, "The admin port of transfer, HOST:PORT")
      ->capture_default_str();
  command->fallthrough();
}

}  // namespace

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
  dray::delta::CheckFlags check_flags;
  CLI::App* check = app.add_subcommand(
      "check", "Look whether catalog and segments are whole and fit together, and end");
  AddTransferFlag(check, &check_flags.transfer);
  check->add_flag("--catalog-only", check_flags.catalog_only, "Do not look at chunks");
  dray::delta::RebuildFlags rebuild_flags;
  CLI::App* rebuild = app.add_subcommand(
      "rebuild", "Make the catalog's chunk rows anew from the segments, and end");
  AddTransferFlag(rebuild, &rebuild_flags.transfer);
  std::string backup_file;
  CLI::App* backup = app.add_subcommand(
      "backup", "Copy the catalog as it is now to a new file, and end; the service may run");
  backup->add_option("FILE", backup_file, "The copy; must not be there yet")->required();
  backup->fallthrough();
  app.require_subcommand(0, 1);
  if (const auto status = dray::ParseFlags(app, "DRAY_DELTA", argc, argv)) return *status;

  check_flags.catalog = rebuild_flags.catalog = flags.catalog;
  const absl::Status result = check->parsed()     ? dray::delta::Check(check_flags, std::cout)
                              : backup->parsed()  ? dray::delta::Backup(flags.catalog, backup_file)
                              : rebuild->parsed() ? dray::delta::Rebuild(rebuild_flags, std::cout)
                                                  : dray::delta::Serve(flags);
  if (result.ok()) return 0;
  std::cerr << "dray-delta: " << result.message() << "\n";
  return 1;
}
