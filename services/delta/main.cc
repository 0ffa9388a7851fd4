// dray-delta: compares hashes and keeps the catalog.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <chrono>
#include <iostream>
#include <map>
#include <string>

#include "core/daemon/daemon.h"
#include "services/delta/audit/backup.h"
#include "services/delta/audit/check.h"
#include "services/delta/audit/gc.h"
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
  double collect_every_seconds = static_cast<double>(flags.collect_every.count());
  app.add_option("--collect-every", collect_every_seconds,
                 "How often what nothing refers to is collected; 0: only when asked")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, double>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE, "TIME"))
      ->check(CLI::Range(0.0, 31'536'000.0))
      ->default_str("1h");
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
  dray::delta::GcFlags gc_flags;
  CLI::App* gc = app.add_subcommand(
      "gc", "Drop what retention does not keep, collect what nothing refers to, and end");
  gc->add_option("--delta", gc_flags.delta, "The running service that does it, HOST:PORT")
      ->capture_default_str();
  gc->add_flag("--dry-run", gc_flags.dry_run,
               "Only tell what would go, from a copy of the catalog made beside it");
  gc->fallthrough();
  app.require_subcommand(0, 1);
  if (const auto status = dray::ParseFlags(app, "DRAY_DELTA", argc, argv)) return *status;

  flags.collect_every = std::chrono::seconds(static_cast<int64_t>(collect_every_seconds));
  check_flags.catalog = rebuild_flags.catalog = gc_flags.catalog = flags.catalog;
  const absl::Status result = check->parsed()     ? dray::delta::Check(check_flags, std::cout)
                              : gc->parsed()      ? dray::delta::Gc(gc_flags, std::cout)
                              : backup->parsed()  ? dray::delta::Backup(flags.catalog, backup_file)
                              : rebuild->parsed() ? dray::delta::Rebuild(rebuild_flags, std::cout)
                                                  : dray::delta::Serve(flags);
  if (result.ok()) return 0;
  std::cerr << "dray-delta: " << result.message() << "\n";
  return 1;
}
