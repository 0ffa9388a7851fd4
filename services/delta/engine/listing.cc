#include "services/delta/engine/listing.h"

#include <limits>
#include <utility>

#include "services/delta/engine/convert.h"

namespace dray::delta {
namespace {

constexpr int kMaxVersionsInMessage = 1000;
constexpr size_t kMaxMessageBytes = 256 * 1024;

// Counts what is in a message, so that it ends in time.
class Budget {
 public:
  void Add(const wire::v1::Version& version) {
    ++versions_;
    bytes_ += version.ByteSizeLong();
  }
  bool full() const { return versions_ >= kMaxVersionsInMessage || bytes_ >= kMaxMessageBytes; }

 private:
  int versions_ = 0;
  size_t bytes_ = 0;
};

Budget BudgetOf(const v1::VersionsResponse& message) {
  Budget budget;
  for (const wire::v1::Version& version : message.versions()) budget.Add(version);
  return budget;
}

}  // namespace

absl::StatusOr<bool> ListSource::Next(CatalogView& view,
                                      std::vector<v1::VersionsResponse>* messages) {
  v1::VersionsResponse message;
  if (!started_) {
    DRAY_ASSIGN_OR_RETURN(started_, Start(view, &message));
  }
  while (!levels_.empty() && !BudgetOf(message).full()) {
    DRAY_RETURN_IF_ERROR(Continue(view, &message));
  }
  // Of an earlier moment, an empty list is told as well: that it was understood.
  message.set_at_ns(at_);
  if (!message.versions().empty() || at_ != 0) messages->push_back(std::move(message));
  return !levels_.empty();
}

absl::StatusOr<bool> ListSource::Start(CatalogView& view, v1::VersionsResponse* message) {
  DRAY_ASSIGN_OR_RETURN(const EntryRecord entry, FindLive(view, prefix_, at_));
  if (entry.head.folder()) {
    levels_.push_back({.folder = entry.id});
  } else {
    VersionToProto(prefix_, entry.head, message->add_versions());
  }
  return true;
}

absl::Status ListSource::Continue(CatalogView& view, v1::VersionsResponse* message) {
  Level& level = levels_.back();
  Budget budget = BudgetOf(*message);
  std::optional<EntryId> enter;
  bool stopped = false;
  const auto tell = [&](EntryRecord child) {
    level.after = std::move(child.name);
    if (child.head.deleted()) return true;
    wire::v1::Version* version = message->add_versions();
    VersionToProto(JoinPath(prefix_, level.after), child.head, version);
    budget.Add(*version);
    if (recursive_ && child.head.folder()) enter = child.id;
    stopped = enter.has_value() || budget.full();
    return !stopped;
  };
  DRAY_RETURN_IF_ERROR(at_ == 0 ? view.VisitChildren(level.folder, level.after, tell)
                                : view.VisitChildrenAt(level.folder, level.after, at_, tell));
  if (enter) {
    const size_t above = prefix_.size();
    prefix_ = JoinPath(prefix_, level.after);
    levels_.push_back({.folder = *enter, .prefix_bytes = above});
  } else if (!stopped) {
    prefix_.resize(level.prefix_bytes);
    levels_.pop_back();
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HistorySource::Next(CatalogView& view,
                                         std::vector<v1::VersionsResponse>* messages) {
  if (!entry_) {
    DRAY_ASSIGN_OR_RETURN(const auto entry, FindAny(view, path_));
    if (!entry) return absl::NotFoundError(absl::StrCat("there never was a ", Quoted(path_)));
    entry_ = entry->id;
    before_ = std::numeric_limits<int64_t>::max();
  }
  v1::VersionsResponse message;
  Budget budget;
  DRAY_RETURN_IF_ERROR(view.VisitVersions(*entry_, before_, [&](VersionRecord version) {
    wire::v1::Version* out = message.add_versions();
    VersionToProto(path_, version, out);
    budget.Add(*out);
    before_ = version.number;
    return !budget.full();
  }));
  const bool more = budget.full() && before_ > 1;
  if (!message.versions().empty()) messages->push_back(std::move(message));
  return more;
}

}  // namespace dray::delta
