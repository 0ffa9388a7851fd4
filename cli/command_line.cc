#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/sync_flags.h"
#include "core/base/version.h"
#include "core/daemon/config_file.h"

namespace dray {
namespace {

constexpr char kFooter[] =
    R"(Names on a server: dray://host:port/path, or :/path on the default server.
In them, \xHH stands for a byte that cannot be typed and \\ for a backslash.

Examples:
  dray put notes.txt :/notes.txt        a file under a name
  dray put photos :/backup/             a folder into a folder (made if need be)
  dray put photos :/backup/             again: only what changed moves
  dray get :/backup/photos .            back again
  dray sync photos :/photos             make one folder as another is; --delete, --dry-run, patterns
  dray ls -l :/backup/photos            what is there
  dray log :/notes.txt                  its versions
  dray get --version 1 :/notes.txt old  an old one
  dray get --at yesterday :/backup .    a folder as it was
  dray rm :/notes.txt                   gone, until: dray restore :/notes.txt
  dray retention :/ --keep 90d          how long old versions are kept; for ever if nothing is said

Settings come from flags, then the environment (DRAY_SERVER, DRAY_CONNECTIONS, DRAY_RETRIES, DRAY_LOG),
then the config file: of one that is in several, the first counts.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 some files failed, 130 interrupted.
`dray VERB --help` tells more of each verb.)";

void AddGlobalFlags(CLI::App* app, CommandLine* line) {
  app->set_version_flag("--version,-V", std::string("dray ") + kVersion);
  app->add_option("--server", line->server, "The front door, HOST:PORT")
      ->envname("DRAY_SERVER")
      ->capture_default_str();
  app->add_flag("--json", line->json, "One JSON object for each file or operation");
  app->add_flag("--quiet,-q", line->quiet, "Nothing but errors");
  app->add_flag("--stats", line->stats, "In the end, what moved and what was saved");
  app->add_option("--connections", line->connections,
                  "Parallel connections; 0: as many as there are cores, 4 at most")
      ->envname("DRAY_CONNECTIONS")
      ->check(CLI::Range(0, 64));
  app->add_option("--retries", line->retries, "Attempts after a failure that may pass")
      ->envname("DRAY_RETRIES")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app->add_option("--log", line->log, "Folder for a log file, client_YYYYMMDD_HHMMSS.log")
      ->envname("DRAY_LOG");
  app->set_config("--config", "",
                  "File of `name = value` lines; flags and environment are stronger")
      ->envname("DRAY_CONFIG");
  app->config_formatter(std::make_shared<ConfigFile>(app));
}

// A verb that takes at least `least` and at most `most` names (-1: any number).
CLI::App* AddVerb(CLI::App* app, CommandLine* line, const char* name, const char* what, Verb verb,
                  const char* names, int least, int most) {
  CLI::App* command = app->add_subcommand(name, what);
  command->fallthrough();
  command->footer("");
  command->callback([line, verb] { line->verb = verb; });
  if (most != 0) {
    CLI::Option* option = command->add_option("names", line->names, names)->option_text(" ");
    option->expected(least, most < 0 ? CLI::detail::expected_max_vector_size : most);
    if (least > 0) option->required();
  }
  return command;
}

CLI::Option* AddAt(CLI::App* verb, CommandLine* line) {
  return verb
      ->add_option("--at", line->at, "As it was at TIME: names, contents, what was deleted since")
      ->option_text("TIME");
}

constexpr char kTimes[] =
    "\n\nTIME: 2026-11-24 (where that day began), \"2026-11-24 18:30\", 18:30 (today), in local "
    "time;\n"
    "2026-11-24T18:30:00Z; \"2h ago\", \"3 days ago\", yesterday; @SECONDS since 1970.";

void AddTransfers(CLI::App* app, CommandLine* line) {
  CLI::App* put = AddVerb(app, line, "put", "Put files and folders on the server", Verb::kPut,
                          "SOURCE... TARGET: local names, then a name on the server", 2, -1);
  put->footer(
      "As cp -r: a TARGET that is a folder, or ends with \"/\", takes the sources in.\n"
      "Links are put as links. Sockets, pipes and devices are skipped.\n\n"
      "Examples:\n  dray put a.txt :/a.txt\n  dray put photos music :/backup/\n"
      "  dray put --if-version 3 a.txt :/a.txt   only if nobody put another meanwhile");
  CLI::Option* absent =
      put->add_flag("--if-absent", line->if_absent, "Fail where a file is there already");
  put->add_option("--if-version", line->if_version, "Fail unless this is the newest version")
      ->excludes(absent);
  put->add_flag("--checksum", line->checksum,
                "Read every file, also those that look as they did last time");

  CLI::App* get =
      AddVerb(app, line, "get", "Get files and folders from the server", Verb::kGet,
              "SOURCE... TARGET: names on the server, then a local one (default .)", 1, -1);
  get->footer(
      "As cp -r: a TARGET that is a folder, or ends with \"/\", takes the sources in.\n"
      "Files are replaced whole or left alone; what is there already is not moved again.\n\n"
      "Examples:\n  dray get :/a.txt .\n  dray get :/backup/photos restored\n"
      "  dray get --version 2 :/a.txt a.old\n"
      "  dray get --at \"2h ago\" :/backup/photos before   a whole folder as it was" +
      std::string(kTimes));
  get->add_option("--version", line->version, "This version instead of the newest (files)")
      ->excludes(AddAt(get, line));
  get->add_flag("--fsync", line->sync, "Sync each file to disk before it takes its name");
  get->add_flag("--checksum", line->checksum,
                "Read what is here, also files that look as they did last time");
  get->add_flag("--keep-special-modes", line->keep_special_modes,
                "Keep setuid, setgid and sticky bits, which are dropped otherwise");
}

void AddSync(CLI::App* app, CommandLine* line) {
  CLI::App* sync = AddVerb(app, line, "sync", "Make one folder as another is", Verb::kSync,
                           "SRC DST: two folders, one of them on a server", 2, 2);
  AddSyncFlags(sync, line);
}

void AddRetention(CLI::App* app, CommandLine* line) {
  CLI::App* retention = AddVerb(
      app, line, "retention", "How long old versions are kept: tell, or set", Verb::kRetention,
      "NAME: a name on the server; without one, all rules are told", 0, 1);
  CLI::Option* last =
      retention
          ->add_option("--keep-last", line->keep_last, "Keep the newest N versions of each file")
          ->option_text("N")
          ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
  CLI::Option* keep =
      retention
          ->add_option("--keep", line->keep,
                       "Keep each version until so long after it was replaced or deleted")
          ->option_text("TIME");
  retention
      ->add_flag("--forever", line->forever,
                 "Remove the rule of NAME: that of a folder above applies, or everything is kept")
      ->excludes(last)
      ->excludes(keep);
  retention->footer(
      "A rule holds for NAME and all beneath it, but where a longer name has a rule of its own. "
      "Where\n"
      "there is no rule, every version is kept for ever. With --keep-last and --keep, a version "
      "goes\n"
      "when neither keeps it. What is there never goes: only what was replaced or deleted, and "
      "its\n"
      "name once nothing else of it is left. What has gone cannot be had back. NAME need not be "
      "there\n"
      "yet.\n\n"
      "TIME: 90m, 12h, 30d, 6w, 1y, 1y6w (units s m h d w y).\n\n"
      "Examples:\n"
      "  dray retention                                    all rules\n"
      "  dray retention :/logs/today                       which one applies to a name\n"
      "  dray retention :/ --keep 90d                      for everything\n"
      "  dray retention :/dumps --keep-last 7              otherwise for one folder\n"
      "  dray retention :/work --keep-last 10 --keep 1y    the newest 10, and all of a year\n"
      "  dray retention :/work --forever                   no rule of its own any more");
}

void AddNames(CLI::App* app, CommandLine* line) {
  CLI::App* list = AddVerb(app, line, "ls", "List what is there", Verb::kList,
                           "NAME...: names on the server (default :/)", 0, -1);
  list->add_flag("-l,--long", line->long_format, "Mode, version, size and time as well");
  list->add_flag("-r,-R,--recursive", line->recursive, "With everything beneath");
  AddAt(list, line);
  list->footer("Example:\n  dray ls -l --at yesterday :/backup/photos" + std::string(kTimes));
  CLI::App* stat = AddVerb(app, line, "stat", "Tell all about one name", Verb::kStat,
                           "NAME: a name on the server", 1, -1);
  stat->add_option("--version", line->version, "Of this version instead of the newest")
      ->excludes(AddAt(stat, line));
  CLI::App* remove = AddVerb(app, line, "rm", "Delete; can be undone with restore", Verb::kRemove,
                             "NAME...: names on the server", 1, -1);
  remove->add_flag("-r,--recursive", line->recursive, "Folders with all that is in them");
  AddVerb(app, line, "mv", "Move or rename; never overwrites", Verb::kMove,
          "FROM TO: names on the server", 2, 2)
      ->footer("A TO that is a folder, or ends with \"/\", takes FROM in.");
  AddVerb(app, line, "log", "Tell the versions of a file", Verb::kLog, "NAME: a name on the server",
          1, 1);
  CLI::App* restore =
      AddVerb(app, line, "restore", "Bring back what was deleted, or an old version",
              Verb::kRestore, "NAME: a name on the server", 1, 1);
  restore->add_option("--version", line->version,
                      "Make this version the newest; without it, undo the deletion");
  AddRetention(app, line);
  CLI::App* status =
      AddVerb(app, line, "status", "How the server and the parts behind it are, and what moves now",
              Verb::kStatus, "", 0, 0);
  status->add_flag("-w,--watch", line->watch, "Again every second, until interrupted");
}

}  // namespace

std::variant<CommandLine, int> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app(
      "Moves files to and from a dray server; when the other side already has something "
      "like them, only what is new.",
      "dray");
  AddGlobalFlags(&app, &line);
  app.footer(kFooter);
  app.require_subcommand(1);
  AddTransfers(&app, &line);
  AddSync(&app, &line);
  AddNames(&app, &line);
  ConfigFile::TakeNameFromEnvironment(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  return line;
}

}  // namespace dray
