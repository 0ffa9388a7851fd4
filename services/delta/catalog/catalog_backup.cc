#include "services/delta/catalog/catalog_backup.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/file.h"
#include "core/base/path.h"
#include "core/database/database.h"

namespace dray::delta {
namespace {

std::string FolderOf(const std::string& name) {
  const size_t slash = name.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : name.substr(0, slash);
}

absl::Status CopyTo(const std::string& file, const std::string& part) {
  DRAY_ASSIGN_OR_RETURN(const auto database, Database::Open(file, Database::Mode::kReadOnly));
  // What is written is the copy; the connection itself is read-only.
  DRAY_RETURN_IF_ERROR(database->Execute("PRAGMA query_only=OFF"));
  DRAY_ASSIGN_OR_RETURN(Statement* const vacuum, database->Prepare("VACUUM INTO ?"));
  Query query(vacuum);
  query->BindText(1, part);
  return query->Run();
}

// Gives the copy its name, unless another has it. The link is the check: of two backups one fails.
absl::Status Publish(const std::string& part, const std::string& target) {
  {
    DRAY_ASSIGN_OR_RETURN(const UniqueFd copy, OpenFile(part, O_RDONLY));
    if (fsync(copy.get()) != 0) return absl::ErrnoToStatus(errno, "fsync " + EscapeName(part));
  }
  if (link(part.c_str(), target.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, "cannot make " + EscapeName(target));
  }
  return SyncFolder(FolderOf(target));
}

}  // namespace

absl::Status BackUpCatalog(const std::string& file, const std::string& target) {
  if (access(target.c_str(), F_OK) == 0) {
    return absl::AlreadyExistsError(
        absl::StrCat(EscapeName(target), " is there already; give the backup a name of its own"));
  }
  const std::string part = absl::StrCat(target, ".", getpid(), ".part");
  absl::Status status = CopyTo(file, part);
  if (status.ok()) status = Publish(part, target);
  unlink(part.c_str());
  return WithContext(status, absl::StrCat("cannot back up ", EscapeName(file)));
}

}  // namespace dray::delta
