#include "services/delta/engine/retentions.h"

#include "core/base/path.h"

namespace dray::delta {
namespace {

constexpr uint64_t kMaxKeepLast = 1'000'000'000;
constexpr uint64_t kMaxKeepYears = 100;
constexpr uint64_t kMaxKeepNs = kMaxKeepYears * 366 * 24 * 3600 * 1'000'000'000;

absl::StatusOr<Retention> RetentionFromProto(const wire::v1::Retention& rule) {
  if (rule.keep_last() == 0 && rule.keep_ns() == 0) {
    return absl::InvalidArgumentError(
        "a rule of retention says how many versions to keep, or for how long, or both; to keep "
        "everything, remove the rule");
  }
  if (rule.keep_last() > kMaxKeepLast || rule.keep_ns() > kMaxKeepNs) {
    return absl::InvalidArgumentError(
        absl::StrCat("a rule of retention keeps at most ", kMaxKeepLast, " versions, and for ",
                     kMaxKeepYears, " years; to keep more, remove the rule"));
  }
  return Retention{.prefix = rule.path(),
                   .keep_last = rule.keep_last(),
                   .keep_ns = static_cast<int64_t>(rule.keep_ns())};
}

}  // namespace

absl::Status SetRetentionRule(CatalogTransaction& transaction,
                              const v1::SetRetentionRequest& request) {
  const wire::v1::Retention& rule = request.retention();
  DRAY_RETURN_IF_ERROR(SplitRemotePath(rule.path()).status());
  if (!request.remove()) {
    DRAY_ASSIGN_OR_RETURN(const Retention retention, RetentionFromProto(rule));
    return transaction.SetRetention(retention);
  }
  if (rule.keep_last() != 0 || rule.keep_ns() != 0) {
    return absl::InvalidArgumentError("a rule of retention is either set or removed");
  }
  return transaction.RemoveRetention(rule.path());
}

absl::Status ListRetentionRules(CatalogView& view, v1::ListRetentionsResponse* response) {
  DRAY_ASSIGN_OR_RETURN(const std::vector<Retention> retentions, view.FindRetentions());
  for (const Retention& retention : retentions) {
    wire::v1::Retention* const rule = response->add_retentions();
    rule->set_path(retention.prefix);
    rule->set_keep_last(retention.keep_last);
    rule->set_keep_ns(static_cast<uint64_t>(retention.keep_ns));
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
