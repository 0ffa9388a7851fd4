#include "cli/sync_flags.h"

#include <string>

namespace dray {
namespace {

constexpr char kFooter[] =
    R"(What SRC holds becomes what DST holds: never a folder SRC inside DST, whether or not SRC ends
with "/". One of the two is on a server. Files of equal size, time and mode are left alone.
Links stay links; sockets, pipes and devices are skipped.

PATTERN is as in gitignore, with SRC and DST as the top folder: "*.o" at any depth, "/build" at the
top only, "cache/" folders only, "docs/**/tmp", "!keep.o" taken back in. The last one that matches
decides, and nothing is taken back in from a folder that is excluded. What is excluded is neither
sent nor deleted.

Examples:
  dray sync photos :/photos              the server's folder becomes as photos is, but that nothing
                                         is deleted
  dray sync --delete photos :/photos     and what photos has not is deleted there (see restore)
  dray sync --delete -n photos :/photos  only tells what that would do
  dray sync :/photos photos              the other way round
  dray sync --exclude '*.o' --exclude /build --include keep.o src :/src

--itemize and --dry-run tell each change as rsync -i does: "<f.st......" a file is sent, its size
and time differ; ">f+++++++++" a new one is got; "cd+++++++++" a folder is made; ".f...p....."
only the mode is set; "cLc........" a link leads elsewhere; "*deleting".

Exit status 3: some files failed; the others were done, and each failure was told. If a folder could
not be read, nothing is deleted.)";

void AddFilter(CLI::App* sync, CommandLine* line, const char* name, FilterFlag::Kind kind,
               const char* value, const char* what) {
  const auto add = [line, kind](const std::string& text) { line->filters.push_back({kind, text}); };
  // Called for each where it stands, so that the order between the kinds is kept.
  sync->add_option_function<std::string>(name, add, what)->option_text(value)->trigger_on_parse();
}

}  // namespace

void AddSyncFlags(CLI::App* sync, CommandLine* line) {
  sync->footer(kFooter);
  sync->add_flag("--delete", line->delete_extra,
                 "Delete what DST has and SRC has not, after all else is done");
  sync->add_option("--max-delete", line->max_delete,
                   "Delete nothing, and fail, where more than so many names would be")
      ->option_text("N")
      ->needs("--delete");
  AddFilter(sync, line, "--exclude", FilterFlag::Kind::kExclude, "PATTERN",
            "Leave alone what matches, on both sides");
  AddFilter(sync, line, "--include", FilterFlag::Kind::kInclude, "PATTERN",
            "Take back in what an earlier pattern excludes: as --exclude '!PATTERN'");
  AddFilter(sync, line, "--exclude-from", FilterFlag::Kind::kExcludeFrom, "FILE",
            "The patterns of a file, which is written as a .gitignore is");
  sync->add_flag("--dry-run,-n", line->dry_run, "Change nothing; tell what would be done");
  sync->add_flag("--itemize,-i", line->itemize, "Tell each change before it is made");
  sync->add_flag("--checksum,-c", line->checksum,
                 "Compare the contents of files of equal size, not their times");
  sync->add_flag("--update,-u", line->update, "Leave alone files that are newer at DST");
  sync->add_option("--bwlimit", line->bytes_per_second,
                   "Bytes a second, each way: 500K, 2M (K, M, G are powers of 1024); 16K at least")
      ->option_text("RATE")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(uint64_t{16} << 10, uint64_t{1} << 50));
  sync->add_flag("--fsync", line->sync, "Sync each file that is got before it takes its name");
  sync->add_flag("--keep-special-modes", line->keep_special_modes,
                 "Keep setuid, setgid and sticky bits of what is got, which are dropped otherwise");
}

}  // namespace dray
