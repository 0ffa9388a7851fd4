#include "services/delta/collection/collector.h"

#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/base/clock.h"
#include "core/telemetry/logging.h"

namespace dray::delta {
namespace {

constexpr absl::Duration kPollPeriod = absl::Milliseconds(20);
// Some 50 MB of memory.
constexpr size_t kRowsSparedAtOnce = 1 << 20;

}  // namespace

Collector::Collector(Options options, Catalog* catalog, const Leases* calls)
    : options_(std::move(options)),
      catalog_(*catalog),
      calls_(*calls),
      retention_(options_.retention),
      thread_([this] { RunThread(); }) {}

Collector::~Collector() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
  absl::MutexLock lock(&mutex_);
  for (const Done& done : asked_) done(absl::CancelledError("the service is stopping"));
}

void Collector::Collect(Done done) {
  absl::MutexLock lock(&mutex_);
  asked_.push_back(std::move(done));
}

bool Collector::stopping() const {
  absl::MutexLock lock(&mutex_);
  return stopping_;
}

void Collector::RunThread() {
  const absl::Duration every =
      options_.every > absl::ZeroDuration() ? options_.every : absl::InfiniteDuration();
  const auto wanted = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || !asked_.empty();
  };
  while (true) {
    std::deque<Done> asked;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&wanted), every);
      if (stopping_) return;
      asked.swap(asked_);
    }
    const absl::StatusOr<Collected> collected = Run();
    if (!collected.ok()) {
      spdlog::warn("collecting what nothing refers to: {}", collected.status().ToString());
    }
    for (const Done& done : asked) done(collected);
  }
}

absl::StatusOr<Collected> Collector::Run() {
  Collected collected;
  DRAY_RETURN_IF_ERROR(DropVersions(&collected));
  while (!stopping()) {
    if (!condemned_before_) {
      DRAY_ASSIGN_OR_RETURN(const bool any, CondemnAll());
      if (!any) break;
      condemned_before_ = calls_.Next();
    }
    if (!WaitForCalls()) {
      collected.waits_for = calls_.OpenBefore(*condemned_before_);
      break;
    }
    DRAY_RETURN_IF_ERROR(SpareWhatIsReferredTo());
    const Collected before = collected;
    DRAY_RETURN_IF_ERROR(DeleteAll(&collected));
    condemned_before_.reset();
    may_be_condemned_ = false;
    // What could not go now (what is damaged) does not go in another round either.
    if (collected.nodes == before.nodes && collected.chunks == before.chunks) break;
  }
  if (collected.nodes + collected.chunks > 0) {
    spdlog::info("collected {} chunks ({} bytes stored) and {} nodes that nothing referred to",
                 collected.chunks, collected.stored_bytes, collected.nodes);
  }
  if (options_.on_collected) options_.on_collected(collected);
  return collected;
}

absl::Status Collector::DropVersions(Collected* collected) {
  const auto stopped = [this] { return stopping(); };
  DRAY_ASSIGN_OR_RETURN(const RetentionPass::Dropped dropped, retention_.Run(catalog_, stopped));
  collected->versions = dropped.versions;
  collected->entries = dropped.entries;
  if (dropped.versions + dropped.entries > 0) {
    spdlog::info("dropped {} versions and {} deleted names that retention does not keep",
                 dropped.versions, dropped.entries);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Collector::CondemnAll() {
  uint64_t rows = 0;
  const bool before = std::exchange(may_be_condemned_, true);
  for (const Garbage kind : {Garbage::kNodes, Garbage::kChunks}) {
    DRAY_RETURN_IF_ERROR(Sweep([kind](CatalogTransaction& transaction,
                                      int64_t from) { return transaction.Condemn(kind, from); },
                               [&rows](const Swept& swept) { rows += swept.rows; }));
  }
  if (rows > 0) spdlog::debug("condemned {} rows that nothing refers to", rows);
  may_be_condemned_ = rows > 0 || before;
  return may_be_condemned_;
}

absl::Status Collector::SpareWhatIsReferredTo() {
  for (const Garbage kind : {Garbage::kNodes, Garbage::kChunks}) {
    int64_t after = 0;
    while (true) {
      absl::StatusOr<std::vector<CondemnedRow>> rows;
      ReadAndWait(catalog_, [&](CatalogView& view) {
        rows = view.FindCondemned(kind, after, kRowsSparedAtOnce);
      });
      if (!rows.ok()) return rows.status();
      if (rows->empty()) break;
      after = rows->back().row;
      DRAY_RETURN_IF_ERROR(Spare(kind, *rows));
    }
  }
  return absl::OkStatus();
}

absl::Status Collector::Spare(Garbage kind, absl::Span<const CondemnedRow> rows) {
  absl::flat_hash_map<AnyDigest, int64_t> condemned;
  for (const CondemnedRow& row : rows) condemned.emplace(row.id, row.row);
  absl::flat_hash_map<int64_t, AnyDigest> referred_to;
  const auto look = [&](const AnyDigest& id) {
    const auto found = condemned.find(id);
    if (found != condemned.end()) referred_to.emplace(found->second, id);
  };
  absl::StatusOr<int64_t> next = 1;
  while (*next != 0) {
    if (stopping()) return absl::CancelledError("the service is stopping");
    ReadAndWait(catalog_, [&](CatalogView& view) {
      next = view.VisitNodes(*next, [&](const Node& node) {
        if ((node.level == 0) != (kind == Garbage::kChunks)) return;
        for (const Entry& entry : node.entries) look(entry.id);
      });
    });
    if (!next.ok()) return next.status();
  }
  VersionName version;
  for (absl::StatusOr<bool> more = kind == Garbage::kNodes; *more;) {
    ReadAndWait(catalog_, [&](CatalogView& view) {
      more = view.VisitRoots(&version, [&](const Root& root) { look(root.As<AnyTag>()); });
    });
    if (!more.ok()) return more.status();
  }
  for (const auto& [row, id] : referred_to) {
    const int64_t spared = row;
    bool wrong = false;
    DRAY_RETURN_IF_ERROR(
        WriteAndWait(catalog_, [&](CatalogTransaction& transaction) -> absl::Status {
          DRAY_ASSIGN_OR_RETURN(wrong, transaction.SetAside(kind, spared));
          return absl::OkStatus();
        }));
    if (!wrong) continue;  // it was referred to in the meantime, and counted
    spdlog::error("{} {} is referred to and was counted as if it were not; run dray-delta check",
                  kind == Garbage::kNodes ? "node" : "chunk", id.hex());
  }
  return absl::OkStatus();
}

bool Collector::WaitForCalls() {
  const absl::Time until = SteadyNow() + options_.patience;
  while (calls_.OpenBefore(*condemned_before_) > 0) {
    if (stopping() || SteadyNow() >= until) return false;
    absl::SleepFor(kPollPeriod);
  }
  return true;
}

absl::Status Collector::DeleteAll(Collected* collected) {
  DRAY_RETURN_IF_ERROR(Sweep([](CatalogTransaction& transaction,
                                int64_t) { return transaction.DeleteCondemned(Garbage::kNodes); },
                             [collected](const Swept& swept) { collected->nodes += swept.rows; }));
  return Sweep([](CatalogTransaction& transaction,
                  int64_t) { return transaction.DeleteCondemned(Garbage::kChunks); },
               [collected](const Swept& swept) {
                 collected->chunks += swept.rows;
                 collected->stored_bytes += swept.stored_bytes;
               });
}

absl::Status Collector::Sweep(
    const std::function<absl::StatusOr<Swept>(CatalogTransaction&, int64_t)>& step,
    const std::function<void(const Swept&)>& on_step) {
  Swept swept{.next = 1};
  while (swept.next != 0) {
    if (stopping()) return absl::CancelledError("the service is stopping");
    const absl::Time begun = SteadyNow();
    DRAY_RETURN_IF_ERROR(
        WriteAndWait(catalog_, [&](CatalogTransaction& transaction) -> absl::Status {
          DRAY_ASSIGN_OR_RETURN(swept, step(transaction, swept.next));
          return absl::OkStatus();
        }));
    on_step(swept);
    if (swept.next != 0) absl::SleepFor(SteadyNow() - begun);
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
