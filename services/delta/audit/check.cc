#include "services/delta/audit/check.h"

#include <memory>
#include <utility>
#include <vector>

#include "services/delta/audit/store_client.h"
#include "services/delta/catalog/catalog_audit.h"
#include "services/delta/catalog/open_catalog.h"

namespace dray::delta {
namespace {

// Chunks in one question to transfer: 64 MiB, as files go.
constexpr size_t kChunksInQuestion = 1024;
// What is told of each kind; more of the same helps nobody.
constexpr uint64_t kMaxTold = 1000;

std::string SegmentName(SegmentId id) {
  return absl::StrCat("segment ", absl::Hex(static_cast<uint64_t>(id), absl::kZeroPad16));
}

class Checker {
 public:
  Checker(const CheckFlags& flags, std::ostream& out) : flags_(flags), out_(out) {}

  absl::Status Run() {
    DRAY_ASSIGN_OR_RETURN(const std::string file, CatalogFile(flags_.catalog));
    if (!flags_.catalog_only) {
      DRAY_ASSIGN_OR_RETURN(store_, StoreClient::Connect(flags_.transfer));
    }
    DRAY_ASSIGN_OR_RETURN(catalog_, CatalogAudit::Open(file));
    for (const std::string& problem : catalog_->CheckPages()) Wrong("pages: " + problem);
    DRAY_RETURN_IF_ERROR(GoOnAfterDamage(CheckCatalog()));
    if (store_ != nullptr) {
      DRAY_RETURN_IF_ERROR(GoOnAfterDamage(CheckChunks()));
      DRAY_RETURN_IF_ERROR(CheckSegments());
    }
    DRAY_RETURN_IF_ERROR(GoOnAfterDamage(TellVersions()));
    return Conclude();
  }

 private:
  void Wrong(const std::string& what) {
    if (++wrong_ <= kMaxTold) out_ << "wrong: " << what << "\n";
  }

  // Damaged pages end one walk over the catalog; others may still tell more.
  absl::Status GoOnAfterDamage(const absl::Status& status) {
    if (!absl::IsDataLoss(status)) return status;
    Wrong(std::string(status.message()));
    return absl::OkStatus();
  }

  absl::Status CheckCatalog() {
    DRAY_ASSIGN_OR_RETURN(ConsistencyReport report, catalog_->CheckConsistency());
    out_ << report.entries << " entries, " << report.versions << " versions, " << report.nodes
         << " nodes, " << report.chunks << " chunks\n";
    for (const std::string& problem : report.problems) Wrong(problem);
    wrong_ += report.problem_count - report.problems.size();
    damage_ = std::move(report.damage);
    return absl::OkStatus();
  }

  absl::Status CheckChunks() {
    uint64_t chunks = 0;
    std::vector<StoredChunk> question;
    DRAY_RETURN_IF_ERROR(catalog_->VisitChunks([&](const StoredChunk& chunk) {
      ++chunks;
      question.push_back(chunk);
      return question.size() < kChunksInQuestion ? absl::OkStatus() : Verify(&question);
    }));
    DRAY_RETURN_IF_ERROR(Verify(&question));
    out_ << chunks << " chunks read and compared with their ids\n";
    return absl::OkStatus();
  }

  absl::Status Verify(std::vector<StoredChunk>* question) {
    if (question->empty()) return absl::OkStatus();
    DRAY_ASSIGN_OR_RETURN(const auto answers, store_->Verify(*question));
    for (const StoreClient::WrongChunk& wrong : answers) {
      damage_.chunks.insert(wrong.chunk.id);
      Wrong(absl::StrCat("chunk ", wrong.chunk.id.hex(), " in ", SegmentName(wrong.chunk.segment),
                         " at ", wrong.chunk.offset, ": ", wrong.what));
    }
    question->clear();
    return absl::OkStatus();
  }

  absl::Status CheckSegments() {
    uint64_t records = 0;
    DRAY_RETURN_IF_ERROR(store_->Scan(
        [&](const std::vector<StoredChunk>& found) {
          records += found.size();
          return absl::OkStatus();
        },
        [&](const StoreClient::DamagedRange& range) {
          // A chunk of the catalog that lies there was told of before. A power cut may leave such a
          // place where an upload was under way.
          out_ << "note: "
               << absl::StrCat(SegmentName(range.segment), ", ", range.length, " bytes from ",
                               range.offset, " on: ", range.what)
               << "\n";
        }));
    out_ << records << " records in the segments\n";
    return absl::OkStatus();
  }

  absl::Status TellVersions() {
    DRAY_ASSIGN_OR_RETURN(const auto versions, catalog_->VersionsOn(damage_));
    uint64_t told = 0;
    for (const CatalogAudit::DamagedVersion& version : versions) {
      if (++told > kMaxTold) break;
      out_ << "damaged: " << version.path << ", version " << version.number
           << (version.newest ? " (the newest)" : "") << "\n";
    }
    if (versions.size() > kMaxTold) {
      out_ << "damaged: " << versions.size() - kMaxTold << " more versions\n";
    }
    return absl::OkStatus();
  }

  absl::Status Conclude() {
    if (wrong_ == 0) {
      out_ << (flags_.catalog_only ? "the catalog is consistent; chunks were not looked at\n"
                                   : "nothing is wrong\n");
      return absl::OkStatus();
    }
    return absl::DataLossError(absl::StrCat(
        wrong_, wrong_ == 1 ? " thing is" : " things are",
        " wrong; docs/operations.md, \"Check and rebuild\", says what to do about it"));
  }

  const CheckFlags& flags_;
  std::ostream& out_;
  std::unique_ptr<StoreClient> store_;
  std::unique_ptr<CatalogAudit> catalog_;
  Damage damage_;
  uint64_t wrong_ = 0;
};

}  // namespace

absl::Status Check(const CheckFlags& flags, std::ostream& out) { return Checker(flags, out).Run(); }

}  // namespace dray::delta
