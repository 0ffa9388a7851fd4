#include "services/delta/audit/rebuild.h"

#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/base/path.h"
#include "services/delta/audit/store_client.h"
#include "services/delta/catalog/catalog_rebuild.h"
#include "services/delta/catalog/open_catalog.h"

namespace dray::delta {
namespace {

// Chunks in one question to transfer.
constexpr size_t kChunksInQuestion = 1024;

// Adds those of the chunks whose bytes have their ids.
absl::Status AddSound(StoreClient& store, const std::vector<StoredChunk>& chunks,
                      CatalogRebuild& catalog) {
  DRAY_ASSIGN_OR_RETURN(const auto wrong, store.Verify(chunks));
  absl::flat_hash_set<ChunkId> refused;
  for (const StoreClient::WrongChunk& answer : wrong) refused.insert(answer.chunk.id);
  for (const StoredChunk& chunk : chunks) {
    if (!refused.contains(chunk.id)) DRAY_RETURN_IF_ERROR(catalog.AddChunk(chunk));
  }
  return absl::OkStatus();
}

absl::Status AddAll(StoreClient& store, CatalogRebuild& catalog, std::ostream& out) {
  return store.Scan(
      [&](const std::vector<StoredChunk>& found) -> absl::Status {
        for (size_t at = 0; at < found.size(); at += kChunksInQuestion) {
          const size_t end = std::min(found.size(), at + kChunksInQuestion);
          DRAY_RETURN_IF_ERROR(AddSound(store, {found.begin() + at, found.begin() + end}, catalog));
        }
        return absl::OkStatus();
      },
      [&](const StoreClient::DamagedRange& range) {
        out << "left out: segment "
            << absl::StrCat(absl::Hex(static_cast<uint64_t>(range.segment), absl::kZeroPad16), ", ",
                            range.length, " bytes from ", range.offset, " on: ", range.what)
            << "\n";
      });
}

}  // namespace

absl::Status Rebuild(const RebuildFlags& flags, std::ostream& out) {
  DRAY_ASSIGN_OR_RETURN(const std::string file, CatalogFile(flags.catalog));
  DRAY_ASSIGN_OR_RETURN(const auto store, StoreClient::Connect(flags.transfer));
  DRAY_ASSIGN_OR_RETURN(const auto catalog, CatalogRebuild::Start(file));
  DRAY_RETURN_IF_ERROR(AddAll(*store, *catalog, out));
  DRAY_ASSIGN_OR_RETURN(const CatalogRebuild::Report report, catalog->Finish());
  out << report.chunks << " chunks from the segments, " << report.nodes << " nodes, "
      << report.versions << " versions\n";
  if (!report.old_file.empty()) {
    out << "the old catalog is " << EscapeName(report.old_file) << " now\n";
  }
  for (const std::string& version : report.lost_versions) out << "damaged: " << version << "\n";
  for (const std::string& record : report.damaged_records) out << "damaged: " << record << "\n";
  if (report.lost_versions.empty() && report.damaged_records.empty()) return absl::OkStatus();
  if (report.lost_versions.empty()) {
    return absl::DataLossError(absl::StrCat(
        report.damaged_records.size(),
        " records of names or versions were damaged and are kept as they are, or of retention and "
        "are forgotten; look at them, and put, move or set what is wrong again"));
  }
  return absl::DataLossError(
      absl::StrCat(report.lost_versions.size(),
                   " versions stand on what is in no segment; put files of their contents again, "
                   "and they are whole"));
}

}  // namespace dray::delta
