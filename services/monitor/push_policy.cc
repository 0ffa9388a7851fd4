#include "services/monitor/push_policy.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/base/path.h"

namespace dray::monitor {
namespace {

constexpr std::array<std::string_view, 6> kLabels = {"dialect", "direction", "code",
                                                     "method",  "reason",    "version"};
constexpr size_t kMaxInstanceBytes = 64;
constexpr size_t kMaxServiceBytes = 32;
constexpr size_t kMaxSoftwareBytes = 128;
constexpr size_t kMaxIdBytes = 128;

bool ConsistsOf(std::string_view text, char extra) {
  return std::all_of(text.begin(), text.end(), [extra](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == extra;
  });
}

bool IsIdentifier(std::string_view text, size_t max_bytes) {
  return !text.empty() && text.size() <= max_bytes && ConsistsOf(text, '-');
}

bool IsMetricName(std::string_view name) {
  if (name.size() > kMaxMetricNameBytes || name == "dray_up") return false;
  for (const std::string_view prefix : {"dray_", "process_"}) {
    if (name.starts_with(prefix)) return name.size() > prefix.size() && ConsistsOf(name, '_');
  }
  return false;
}

// Keeps the items for which `keep` is true, in order.
template <typename Repeated, typename Keep>
void Filter(Repeated* items, const Keep& keep) {
  int kept = 0;
  for (int i = 0; i < items->size(); ++i) {
    if (keep(*items->Mutable(i))) items->SwapElements(kept++, i);
  }
  items->DeleteSubrange(kept, items->size() - kept);
}

const char* RefuseLabels(const v1::Series& series) {
  for (const auto& [name, value] : series.labels()) {
    if (std::find(kLabels.begin(), kLabels.end(), name) == kLabels.end()) return "bad_label";
    if (value.size() > kMaxLabelValueBytes) return "bad_label";
  }
  return nullptr;
}

bool IsHistogram(const v1::Series& series) {
  const auto& buckets = series.buckets();
  if (buckets.empty() || buckets.size() > kMaxBuckets) return false;
  for (int i = 1; i < buckets.size(); ++i) {
    if (!(buckets[i - 1].upper_bound() < buckets[i].upper_bound())) return false;
    if (buckets[i - 1].cumulative_count() > buckets[i].cumulative_count()) return false;
  }
  const v1::Bucket& last = buckets[buckets.size() - 1];
  return std::isinf(last.upper_bound()) && last.upper_bound() > 0 &&
         last.cumulative_count() == series.count() && std::isfinite(series.sum());
}

const char* RefuseValue(const v1::Series& series, v1::MetricType type) {
  if (type == v1::HISTOGRAM) return IsHistogram(series) ? nullptr : "bad_histogram";
  if (!series.buckets().empty() || !std::isfinite(series.value())) return "bad_value";
  return type == v1::COUNTER && series.value() < 0 ? "bad_value" : nullptr;
}

// Label names are of a known few and hold no '\0'; values are told apart by their lengths.
std::string LabelKey(const v1::Series& series) {
  std::vector<std::pair<std::string_view, std::string_view>> sorted;
  sorted.reserve(series.labels().size());
  for (const auto& [name, value] : series.labels()) sorted.emplace_back(name, value);
  std::sort(sorted.begin(), sorted.end());
  std::string key;
  for (const auto& [name, value] : sorted)
    key.append(name).append(absl::StrCat(" ", value.size(), " ")).append(value);
  return key;
}

// The serializer writes helps as they are: one that breaks the line could add series of its own.
bool IsHelp(std::string_view help) {
  return help.size() <= kMaxHelpBytes && std::all_of(help.begin(), help.end(), [](char c) {
           return c >= ' ' && c <= '~' && c != '\\';
         });
}

const char* RefuseFamily(const v1::Family& family, std::set<std::string>* names) {
  if (!IsMetricName(family.name())) return "bad_metric_name";
  if (family.type() < v1::COUNTER || family.type() > v1::HISTOGRAM) return "bad_metric_type";
  if (!IsHelp(family.help())) return "bad_help";
  return names->insert(family.name()).second ? nullptr : "duplicate_family";
}

void FilterSeries(v1::Family* family, int* room, Refusals* refusals) {
  std::unordered_set<std::string> seen;
  const v1::MetricType type = family->type();
  Filter(family->mutable_series(), [&](const v1::Series& series) {
    const char* reason = *room == 0 ? "too_many_series" : RefuseLabels(series);
    if (reason == nullptr) reason = RefuseValue(series, type);
    if (reason == nullptr && !seen.insert(LabelKey(series)).second) reason = "duplicate_series";
    if (reason != nullptr) ++(*refusals)[reason];
    if (reason == nullptr) --*room;
    return reason == nullptr;
  });
}

bool IsEvent(const v1::Event& event) {
  const bool level =
      event.level() == "info" || event.level() == "warning" || event.level() == "error";
  return level && event.message().size() <= kMaxEventTextBytes &&
         event.connection_id().size() <= kMaxIdBytes;
}

bool IsConnection(const v1::Connection& connection) {
  return connection.id().size() <= kMaxIdBytes && connection.peer().size() <= kMaxIdBytes &&
         connection.dialect().size() <= kMaxLabelValueBytes;
}

bool IsTransfer(const v1::Transfer& transfer) {
  const bool direction = transfer.direction() == "upload" || transfer.direction() == "download";
  return direction && transfer.connection_id().size() <= kMaxIdBytes &&
         transfer.path().size() <= kMaxPathBytes;
}

template <typename Repeated, typename Good>
void FilterList(Repeated* items, const Good& good, const char* reason, Refusals* refusals) {
  int room = kMaxListed;
  Filter(items, [&](const auto& item) {
    const bool keep = room > 0 && good(item);
    keep ? --room : ++(*refusals)[reason];
    return keep;
  });
}

}  // namespace

absl::Status CheckIdentity(const v1::PushRequest& push) {
  if (!IsIdentifier(push.instance(), kMaxInstanceBytes)) {
    return absl::InvalidArgumentError("instance must be 1 to 64 bytes of a-z, 0-9 and '-'");
  }
  if (!IsIdentifier(push.service(), kMaxServiceBytes)) {
    return absl::InvalidArgumentError("service must be 1 to 32 bytes of a-z, 0-9 and '-'");
  }
  if (push.software().size() > kMaxSoftwareBytes) {
    return absl::InvalidArgumentError("software must be at most 128 bytes");
  }
  return absl::OkStatus();
}

void RemoveInadmissible(v1::PushRequest* push, Refusals* refusals) {
  std::set<std::string> names;
  Filter(push->mutable_families(), [&](const v1::Family& family) {
    const char* reason = RefuseFamily(family, &names);
    if (reason != nullptr) ++(*refusals)[reason];
    return reason == nullptr;
  });
  int room = kMaxSeriesPerInstance;
  for (v1::Family& family : *push->mutable_families()) FilterSeries(&family, &room, refusals);
  Filter(push->mutable_families(),
         [](const v1::Family& family) { return !family.series().empty(); });
  FilterList(push->mutable_events(), IsEvent, "bad_event", refusals);
  FilterList(push->mutable_connections(), IsConnection, "bad_connection", refusals);
  FilterList(push->mutable_transfers(), IsTransfer, "bad_transfer", refusals);
}

}  // namespace dray::monitor
