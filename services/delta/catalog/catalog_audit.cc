#include "services/delta/catalog/catalog_audit.h"

#include <algorithm>
#include <filesystem>

#include "core/base/path.h"
#include "core/chunking/node.h"
#include "services/delta/catalog/consistency.h"
#include "services/delta/catalog/entry_path.h"
#include "services/delta/catalog/schema.h"

namespace dray::delta {
namespace {

bool IsDamaged(const Damage& damage, int level, const Entry& entry) {
  return level == 0 ? damage.chunks.contains(entry.chunk()) : damage.nodes.contains(entry.node());
}

}  // namespace

absl::StatusOr<std::unique_ptr<CatalogAudit>> CatalogAudit::Open(const std::string& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    return absl::NotFoundError(absl::StrCat("there is no catalog ", EscapeName(file)));
  }
  DRAY_ASSIGN_OR_RETURN(auto database, Database::Open(file, Database::Mode::kReadOnly));
  DRAY_ASSIGN_OR_RETURN(const int64_t schema, database->SelectInteger("PRAGMA user_version"));
  if (schema != NewestSchema()) {
    return absl::FailedPreconditionError(
        absl::StrCat(EscapeName(file), " has schema ", schema, ", and this program checks schema ",
                     NewestSchema(), "; start the service once, which brings an older one up"));
  }
  // The snapshot begins with the first read.
  DRAY_RETURN_IF_ERROR(database->Execute("BEGIN"));
  DRAY_RETURN_IF_ERROR(database->SelectInteger("SELECT 1 FROM entries LIMIT 1").status());
  return std::unique_ptr<CatalogAudit>(new CatalogAudit(std::move(database)));
}

std::vector<std::string> CatalogAudit::CheckPages() {
  std::vector<std::string> problems;
  const absl::Status walked = [&]() -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(Statement * statement, database_->Prepare("PRAGMA integrity_check(100)"));
    Query query(statement);
    while (true) {
      DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
      if (!row) return absl::OkStatus();
      if (query->Blob(0) != "ok") problems.emplace_back(query->Blob(0));
    }
  }();
  if (!walked.ok()) problems.emplace_back(walked.message());
  return problems;
}

absl::StatusOr<ConsistencyReport> CatalogAudit::CheckConsistency() {
  return delta::CheckConsistency(*database_);
}

absl::Status CatalogAudit::VisitChunks(absl::FunctionRef<absl::Status(const StoredChunk&)> visit) {
  DRAY_ASSIGN_OR_RETURN(
      Statement * statement,
      database_->Prepare("SELECT id, length, segment, offset, stored FROM chunks ORDER BY num"));
  Query query(statement);
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return absl::OkStatus();
    const auto id = ChunkId::FromBytes(query->Blob(0));
    if (!id) continue;  // CheckConsistency tells
    DRAY_RETURN_IF_ERROR(visit({.id = *id,
                                .length_bytes = static_cast<uint32_t>(query->Integer(1)),
                                .segment = SegmentId{static_cast<uint64_t>(query->Integer(2))},
                                .offset = static_cast<uint64_t>(query->Integer(3)),
                                .stored_bytes = static_cast<uint32_t>(query->Integer(4))}));
  }
}

absl::StatusOr<std::vector<CatalogAudit::DamagedVersion>> CatalogAudit::VersionsOn(
    const Damage& damage) {
  std::vector<DamagedVersion> versions;
  if (damage.chunks.empty() && damage.nodes.empty()) return versions;
  Damage spread = damage;
  DRAY_ASSIGN_OR_RETURN(const int64_t top,
                        database_->SelectInteger("SELECT max(level) FROM nodes"));
  for (int64_t level = 0; level <= std::min<int64_t>(top, kMaxNodeLevel); ++level) {
    DRAY_RETURN_IF_ERROR(SpreadToLevel(level, &spread));
  }
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_->Prepare("SELECT v.entry, v.number, v.root, e.head FROM versions "
                                           "v LEFT JOIN entries e ON e.id=v.entry "
                                           "WHERE v.root IS NOT NULL"));
  Query query(statement);
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return versions;
    const auto root = Root::FromBytes(query->Blob(2));
    if (!root || !spread.nodes.contains(*root)) continue;
    versions.push_back({.path = DescribeEntry(*database_, query->Integer(0)),
                        .number = static_cast<uint64_t>(query->Integer(1)),
                        .newest = query->Integer(1) == query->Integer(3)});
  }
}

absl::Status CatalogAudit::SpreadToLevel(int64_t level, Damage* damage) {
  DRAY_ASSIGN_OR_RETURN(Statement * statement,
                        database_->Prepare("SELECT n.id, e.encoding FROM nodes n JOIN encodings e "
                                           "ON e.node=n.num WHERE n.level=?1"));
  Query query(statement);
  query->Bind(1, level);
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const bool row, query->Step());
    if (!row) return absl::OkStatus();
    const auto id = NodeId::FromBytes(query->Blob(0));
    const absl::StatusOr<Node> node = DecodeNode(AsBytes(query->Blob(1)));
    if (!id || !node.ok()) continue;  // among the damaged already
    if (std::any_of(node->entries.begin(), node->entries.end(),
                    [&](const Entry& entry) { return IsDamaged(*damage, node->level, entry); })) {
      damage->nodes.insert(*id);
    }
  }
}

}  // namespace dray::delta
