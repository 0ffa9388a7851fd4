#include "client/scanner.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "client/file_upload.h"
#include "client/part_name.h"
#include "core/base/path.h"

namespace dray {
namespace {

std::string Join(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  return folder.back() == '/' ? folder + name : absl::StrCat(folder, "/", name);
}

const char* KindName(mode_t mode) {
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISBLK(mode) || S_ISCHR(mode)) return "a device";
  return "of an unknown kind";
}

// Where `local` lies, and its name there. "." and ".." are folders of their own.
std::pair<std::string, std::string> SplitLocal(const std::string& local) {
  auto [folder, name] = SplitLast(local);
  if (local.find('/') == std::string::npos) return {".", name};
  return {folder.empty() ? "/" : folder, name};
}

absl::StatusOr<std::string> ReadLinkAt(int folder, const char* name) {
  char text[PATH_MAX];
  const ssize_t n = ::readlinkat(folder, name, text, sizeof(text));
  if (n < 0) return ErrnoStatus(errno, "cannot read the link");
  return std::string(text, static_cast<size_t>(n));
}

}  // namespace

bool Scanner::Walk(const std::string& local, const std::string& remote) {
  Child child;
  if (::lstat(local.c_str(), &child.status) != 0) {
    sink_.failed(local, ErrnoStatus(errno, absl::StrCat("cannot read ", EscapeName(local))));
    return true;
  }
  const bool folder = S_ISDIR(child.status.st_mode);
  const auto [parent, name] = SplitLocal(local);
  auto opened = BeneathFolder::Open(folder ? local : parent);
  if (!opened.ok()) {
    sink_.failed(local, opened.status());
    return true;
  }
  const auto base = std::make_shared<const BeneathFolder>(*std::move(opened));
  if (folder) {
    if (!remote.empty() && !Tell(base, "", local, remote, child)) return false;
    return WalkFolder(base, "", local, remote);
  }
  if (S_ISLNK(child.status.st_mode)) {
    auto link = ReadLinkAt(AT_FDCWD, local.c_str());
    if (!link.ok()) {
      sink_.failed(local, link.status());
      return true;
    }
    child.link = *std::move(link);
  }
  return Tell(base, name, local, remote, child);
}

bool Scanner::WalkFolder(const std::shared_ptr<const BeneathFolder>& base, const std::string& name,
                         const std::string& local, const std::string& remote) {
  const auto children = ReadFolder(*base, name, local);
  if (!children.ok()) {
    sink_.failed(local, children.status());
    return true;
  }
  for (const Child& child : *children) {
    const std::string child_name = Join(name, child.name);
    const std::string child_local = Join(local, child.name);
    const std::string child_remote = Join(remote, child.name);
    if (!Tell(base, child_name, child_local, child_remote, child)) return false;
    if (S_ISDIR(child.status.st_mode) && !WalkFolder(base, child_name, child_local, child_remote)) {
      return false;
    }
  }
  return true;
}

absl::StatusOr<std::vector<Scanner::Child>> Scanner::ReadFolder(const BeneathFolder& base,
                                                                const std::string& name,
                                                                const std::string& local) {
  DRAY_ASSIGN_OR_RETURN(UniqueFd fd, base.Open(name, O_RDONLY | O_DIRECTORY));
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(fd.get()), ::closedir);
  if (folder == nullptr) return ErrnoStatus(errno, EscapeName(local));
  fd.Release();  // the stream owns it now
  const int at = ::dirfd(folder.get());
  std::vector<Child> children;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(folder.get());
    if (entry == nullptr) break;
    Child child = {.name = entry->d_name};
    if (child.name == "." || child.name == "..") continue;
    const std::string child_local = Join(local, child.name);
    if (::fstatat(at, entry->d_name, &child.status, AT_SYMLINK_NOFOLLOW) != 0) {
      sink_.failed(child_local, ErrnoStatus(errno, EscapeName(child_local)));
      continue;
    }
    if (S_ISLNK(child.status.st_mode)) {
      auto link = ReadLinkAt(at, entry->d_name);
      if (!link.ok()) {
        sink_.failed(child_local, WithContext(link.status(), EscapeName(child_local)));
        continue;
      }
      child.link = *std::move(link);
    }
    children.push_back(std::move(child));
  }
  if (errno != 0) sink_.failed(local, ErrnoStatus(errno, EscapeName(local)));
  std::sort(children.begin(), children.end(),
            [](const Child& a, const Child& b) { return a.name < b.name; });
  return children;
}

bool Scanner::Tell(const std::shared_ptr<const BeneathFolder>& base, const std::string& name,
                   const std::string& local, const std::string& remote, const Child& child) {
  const mode_t mode = child.status.st_mode;
  if (!S_ISREG(mode) && !S_ISDIR(mode) && !S_ISLNK(mode)) {
    sink_.skipped(local, KindName(mode));
    return true;
  }
  if (S_ISREG(mode) && IsPartName(remote)) {
    sink_.skipped(local, "what an interrupted get has left of a file");
    return true;
  }
  if (const auto names = SplitRemotePath(remote); !names.ok()) {
    sink_.failed(local, names.status());
    return true;
  }
  LocalEntry entry = {
      base, name, local, remote, MetadataOf(child.status), FileState::Of(child.status)};
  if (S_ISLNK(mode)) entry.metadata.set_symlink_target(child.link);
  return sink_.found(std::move(entry));
}

}  // namespace dray
