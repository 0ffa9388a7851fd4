#include "services/delta/audit/gc.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "absl/synchronization/notification.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/net/address.h"
#include "core/telemetry/logging.h"
#include "dray/delta/v1/delta.grpc.pb.h"
#include "services/delta/catalog/catalog_backup.h"
#include "services/delta/catalog/open_catalog.h"
#include "services/delta/collection/collector.h"

namespace dray::delta {
namespace {

constexpr uint16_t kDefaultPort = 5051;
constexpr absl::Duration kConnectTime = absl::Seconds(10);

// A folder beside a file, for as long as this lives.
class FolderBeside {
 public:
  static absl::StatusOr<FolderBeside> Make(const std::string& file) {
    std::string name = file + ".gc-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) {
      return ErrnoStatus(errno, "cannot make a folder beside the catalog for a copy of it");
    }
    return FolderBeside(std::move(name));
  }
  FolderBeside(FolderBeside&& other) noexcept : name_(std::exchange(other.name_, "")) {}
  FolderBeside& operator=(FolderBeside&&) = delete;
  ~FolderBeside() {
    std::error_code ignored;
    if (!name_.empty()) std::filesystem::remove_all(name_, ignored);
  }

  const std::string& name() const { return name_; }

 private:
  explicit FolderBeside(std::string name) : name_(std::move(name)) {}

  std::string name_;
};

absl::StatusOr<Collected> CollectFromCopy(const std::string& catalog) {
  DRAY_ASSIGN_OR_RETURN(const std::string file, CatalogFile(catalog));
  DRAY_ASSIGN_OR_RETURN(const FolderBeside folder, FolderBeside::Make(file));
  const std::string copy = folder.name() + "/catalog.db";
  DRAY_RETURN_IF_ERROR(BackUpCatalog(file, copy));
  DRAY_ASSIGN_OR_RETURN(const auto opened, OpenCatalog("sqlite:" + copy));
  // Which otherwise would say that things were dropped and collected.
  spdlog::set_level(spdlog::level::warn);
  const Leases nobody;
  Collector collector(Collector::Options(), opened.get(), &nobody);
  absl::StatusOr<Collected> result = absl::UnknownError("not run");
  absl::Notification done;
  collector.Collect([&](const absl::StatusOr<Collected>& collected) {
    result = collected;
    done.Notify();
  });
  done.WaitForNotification();
  return result;
}

absl::StatusOr<Collected> AskService(const std::string& delta) {
  DRAY_ASSIGN_OR_RETURN(const Address address, ParseAddress(delta, kDefaultPort));
  const auto channel = grpc::CreateChannel(address.ToString(), grpc::InsecureChannelCredentials());
  if (!channel->WaitForConnected(GrpcDeadline(kConnectTime))) {
    return absl::UnavailableError(absl::StrCat("cannot reach delta at ", address.ToString(),
                                               "; is it running there? --delta says where"));
  }
  grpc::ClientContext context;
  v1::CollectResponse response;
  const grpc::Status status =
      v1::Delta::NewStub(channel)->Collect(&context, v1::CollectRequest(), &response);
  if (!status.ok()) {
    return absl::Status(
        static_cast<absl::StatusCode>(status.error_code()),
        absl::StrCat("delta at ", address.ToString(), ": ", status.error_message()));
  }
  return Collected{.versions = response.versions(),
                   .entries = response.entries(),
                   .nodes = response.nodes(),
                   .chunks = response.chunks(),
                   .stored_bytes = response.stored_bytes(),
                   .waits_for = static_cast<size_t>(response.waits_for())};
}

}  // namespace

absl::Status Gc(const GcFlags& flags, std::ostream& out) {
  DRAY_ASSIGN_OR_RETURN(const Collected collected,
                        flags.dry_run ? CollectFromCopy(flags.catalog) : AskService(flags.delta));
  const char* const would = flags.dry_run ? "would be " : "";
  out << collected.versions << " versions and " << collected.entries << " deleted names " << would
      << "dropped\n"
      << collected.nodes << " nodes and " << collected.chunks << " chunks " << would
      << "collected: " << collected.stored_bytes << " bytes in segments\n";
  if (collected.waits_for > 0) {
    out << "more may go once " << collected.waits_for
        << " calls have ended that began before; that happens by itself\n";
  } else if (!flags.dry_run && collected.chunks > 0) {
    out << "transfer gives their room back when it looks next\n";
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
