#include "services/delta/collection/retention.h"

#include <time.h>

#include <limits>
#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/base/path.h"
#include "core/telemetry/logging.h"
#include "services/delta/engine/names.h"

namespace dray::delta {
namespace {

constexpr int64_t kMaxAheadNs = int64_t{3600} * 1'000'000'000;

// Unlike the steady clock of C++, it goes on while the machine sleeps.
int64_t BootTimeNs() {
  timespec time = {};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return absl::ToInt64Nanoseconds(absl::DurationFromTimespec(time));
}

// The rule for a path; null where there is none.
const Retention* RuleFor(const std::vector<Retention>& rules, std::string_view path) {
  const Retention* longest = nullptr;
  for (const Retention& rule : rules) {
    if (!IsAtOrBeneath(path, rule.prefix)) continue;
    if (longest == nullptr || rule.prefix.size() > longest->prefix.size()) longest = &rule;
  }
  return longest;
}

// What the rule of one entry says, at one time.
class Terms {
 public:
  Terms(const Retention& rule, int64_t now_ns, bool clock_trusted)
      : rule_(rule), now_ns_(now_ns), clock_trusted_(clock_trusted) {}

  // Of a version that `newer` others came after, the first of them at `replaced_ns`.
  bool KeepVersion(uint64_t newer, int64_t replaced_ns) const {
    if (rule_.keep_last > 0 && newer < rule_.keep_last) return true;
    return KeepByAge(replaced_ns);
  }
  // Of a deletion that is all that is left.
  bool KeepDeletion(int64_t deleted_ns) const { return KeepByAge(deleted_ns); }

 private:
  bool KeepByAge(int64_t since_ns) const {
    if (rule_.keep_ns <= 0) return rule_.keep_last == 0;  // a rule without bounds keeps all
    // Neither can overflow: both are positive.
    return !clock_trusted_ || since_ns >= now_ns_ - rule_.keep_ns;
  }

  const Retention& rule_;
  const int64_t now_ns_;
  const bool clock_trusted_;
};

// What goes next of an entry.
struct Step {
  enum class Kind { kNothing, kVersion, kEntry };
  Kind kind = Kind::kNothing;
  uint64_t number = 0;  // of the version
};

absl::StatusOr<Step> NextStep(CatalogView& view, const EntryRecord& entry, const Terms& terms) {
  DRAY_ASSIGN_OR_RETURN(const auto oldest, view.FindVersionAfter(entry.id, 0));
  if (!oldest) return absl::DataLossError("an entry has no version; run dray-delta check");
  if (oldest->number == entry.head.number) {
    if (!oldest->deleted() || terms.KeepDeletion(oldest->committed_ns)) return Step{};
    return Step{.kind = Step::Kind::kEntry};
  }
  DRAY_ASSIGN_OR_RETURN(const auto next, view.FindVersionAfter(entry.id, oldest->number));
  if (!next || entry.head.number < oldest->number) {
    return absl::DataLossError(
        "an entry does not point to its newest version; run dray-delta check");
  }
  if (terms.KeepVersion(entry.head.number - oldest->number, next->committed_ns)) return Step{};
  return Step{.kind = Step::Kind::kVersion, .number = oldest->number};
}

// What one job goes by.
struct Bounds {
  std::vector<Retention> rules;
  int64_t now_ns;
  bool clock_trusted;
};

// Takes steps with an entry until `take` says that it is enough.
template <typename Take>
absl::Status ForEachStep(CatalogView& view, EntryId id, const Bounds& bounds, Take take) {
  DRAY_ASSIGN_OR_RETURN(const auto entry, view.FindEntry(id));
  if (!entry) return absl::OkStatus();
  DRAY_ASSIGN_OR_RETURN(const std::string path, PathOf(view, id));
  const Retention* rule = RuleFor(bounds.rules, path);
  if (rule == nullptr) return absl::OkStatus();
  const Terms terms(*rule, bounds.now_ns, bounds.clock_trusted);
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const Step step, NextStep(view, *entry, terms));
    if (step.kind == Step::Kind::kNothing) return absl::OkStatus();
    DRAY_ASSIGN_OR_RETURN(const bool more, take(step));
    if (!more) return absl::OkStatus();
  }
}

// One write: drops what is due of some entries, in order, for as long as it may take.
class DropJob {
 public:
  // `entries` outlive it.
  DropJob(const std::vector<EntryId>& entries, Bounds bounds)
      : entries_(entries), bounds_(std::move(bounds)) {}

  absl::Status Run(CatalogTransaction& transaction, absl::Duration time) {
    const absl::Time end = SteadyNow() + time;
    DRAY_ASSIGN_OR_RETURN(bounds_.rules, transaction.FindRetentions());
    for (entry_ = 0; *entry_ < entries_.size();) {
      DRAY_ASSIGN_OR_RETURN(const bool more, DropOf(transaction, entries_[*entry_], end));
      if (!more) break;
      ++*entry_;
      if (SteadyNow() >= end) break;
    }
    return absl::OkStatus();
  }

  // How many entries it is done with.
  size_t done() const { return entry_.value_or(0); }
  // Which it was about when it ended early; nothing before the first and after the last.
  std::optional<EntryId> entry() const {
    if (!entry_ || *entry_ == entries_.size()) return std::nullopt;
    return entries_[*entry_];
  }
  const RetentionPass::Dropped& dropped() const { return dropped_; }

 private:
  // False: it is time to make way for others; more may be due of this entry.
  absl::StatusOr<bool> DropOf(CatalogTransaction& transaction, EntryId entry, absl::Time end) {
    bool more = true;
    const auto take = [&](const Step& step) -> absl::StatusOr<bool> {
      if (step.kind == Step::Kind::kEntry) {
        DRAY_ASSIGN_OR_RETURN(const bool removed, transaction.RemoveEntry(entry));
        if (removed) ++dropped_.entries;
        return false;
      }
      DRAY_RETURN_IF_ERROR(transaction.DropVersion(entry, step.number));
      ++dropped_.versions;
      more = SteadyNow() < end;
      return more;
    };
    DRAY_RETURN_IF_ERROR(ForEachStep(transaction, entry, bounds_, take));
    return more;
  }

  const std::vector<EntryId>& entries_;
  Bounds bounds_;
  std::optional<size_t> entry_;
  RetentionPass::Dropped dropped_;
};

void WarnOfDamage(EntryId entry, const absl::Status& status) {
  spdlog::warn("retention leaves entry {} alone: {}", static_cast<int64_t>(entry),
               status.ToString());
}

}  // namespace

RetentionPass::RetentionPass(Options options) : options_(std::move(options)) {
  if (!options_.now) options_.now = absl::GetCurrentTimeNanos;
  if (!options_.steady_ns) options_.steady_ns = BootTimeNs;
  started_ns_ = options_.now();
  started_steady_ns_ = options_.steady_ns();
}

RetentionPass::Clock RetentionPass::ReadClock() {
  Clock clock{.now_ns = options_.now()};
  const int64_t passed_ns = options_.steady_ns() - started_steady_ns_;
  const int64_t ahead_ns = clock.now_ns - started_ns_ - passed_ns;
  clock.trusted = ahead_ns <= kMaxAheadNs;
  if (clock.trusted != trusted_) {
    trusted_ = clock.trusted;
    if (trusted_) {
      spdlog::info("the clock is right again; retention drops versions by age again");
    } else {
      spdlog::warn(
          "the clock has jumped ahead by {} since this service started; retention drops nothing "
          "by age until it is set back, or, if it is right now, the service is started again",
          absl::FormatDuration(absl::Nanoseconds(ahead_ns)));
    }
  }
  return clock;
}

absl::StatusOr<RetentionPass::Dropped> RetentionPass::Run(Catalog& catalog,
                                                          absl::FunctionRef<bool()> stopped) {
  Dropped dropped;
  // Greatest id first: what lies in a folder mostly came after it, and goes before it.
  EntryId before{std::numeric_limits<int64_t>::max()};
  while (before != EntryId{0} && !stopped()) {
    DRAY_ASSIGN_OR_RETURN(Candidates candidates, Look(catalog, before));
    before = candidates.next;
    dropped.damaged += candidates.damaged;
    DRAY_RETURN_IF_ERROR(Drop(catalog, std::move(candidates.entries), stopped, &dropped));
  }
  return dropped;
}

absl::StatusOr<RetentionPass::Candidates> RetentionPass::Look(Catalog& catalog, EntryId before) {
  const Clock clock = ReadClock();
  Candidates candidates;
  const auto look = [&](CatalogView& view) -> absl::Status {
    Bounds bounds{.now_ns = clock.now_ns, .clock_trusted = clock.trusted};
    DRAY_ASSIGN_OR_RETURN(bounds.rules, view.FindRetentions());
    if (bounds.rules.empty()) return absl::OkStatus();
    DRAY_ASSIGN_OR_RETURN(const EntriesWithPast found,
                          view.FindWithPast(before, options_.entries_at_once));
    candidates.next = found.next;
    for (const EntryId entry : found.entries) {
      const auto take = [&](const Step&) -> absl::StatusOr<bool> {
        candidates.entries.push_back(entry);
        return false;
      };
      const absl::Status looked = ForEachStep(view, entry, bounds, take);
      if (looked.ok()) continue;
      if (!absl::IsDataLoss(looked)) return looked;
      WarnOfDamage(entry, looked);
      ++candidates.damaged;
    }
    return absl::OkStatus();
  };
  absl::Status status;
  ReadAndWait(catalog, [&](CatalogView& view) { status = look(view); });
  DRAY_RETURN_IF_ERROR(status);
  return candidates;
}

absl::Status RetentionPass::Drop(Catalog& catalog, std::vector<EntryId> entries,
                                 absl::FunctionRef<bool()> stopped, Dropped* dropped) {
  while (!entries.empty() && !stopped()) {
    const Clock clock = ReadClock();
    DropJob job(entries, {.now_ns = clock.now_ns, .clock_trusted = clock.trusted});
    const absl::Status status = WriteAndWait(catalog, [&](CatalogTransaction& transaction) {
      return job.Run(transaction, options_.job_time);
    });
    size_t done = job.done();
    if (status.ok()) {
      dropped->versions += job.dropped().versions;
      dropped->entries += job.dropped().entries;
    } else if (absl::IsDataLoss(status) && job.entry()) {
      // All that the job did is undone; the next one does it again, without this entry.
      WarnOfDamage(*job.entry(), status);
      ++dropped->damaged;
      entries.erase(entries.begin() + static_cast<ptrdiff_t>(done));
      done = 0;
    } else {
      return status;
    }
    entries.erase(entries.begin(), entries.begin() + static_cast<ptrdiff_t>(done));
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
