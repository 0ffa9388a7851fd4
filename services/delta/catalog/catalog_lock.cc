#include "services/delta/catalog/catalog_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/path.h"

namespace dray::delta {

absl::StatusOr<UniqueFd> LockCatalog(const std::string& file) {
  const std::string name = absl::StrCat(file, ".lock");
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(name, O_RDWR | O_CREAT, 0600));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
    const std::string owner = absl::StrCat(::getpid(), "\n");
    if (::ftruncate(fd.get(), 0) != 0) return ErrnoStatus(errno, absl::StrCat("cannot cut ", name));
    DRAY_RETURN_IF_ERROR(WithContext(WriteAt(fd.get(), 0, AsBytes(owner)), name));
    return fd;
  }
  if (errno != EWOULDBLOCK) return ErrnoStatus(errno, absl::StrCat("cannot lock ", name));
  std::string owner = ReadWholeFile(name, 64).value_or("");
  while (!owner.empty() && owner.back() == '\n') owner.pop_back();
  return absl::FailedPreconditionError(
      absl::StrCat("the catalog ", EscapeName(file), " is in use by another dray-delta (process ",
                   owner.empty() ? "unknown" : EscapeName(owner),
                   "); stop that one first, or give this one another --catalog"));
}

}  // namespace dray::delta
