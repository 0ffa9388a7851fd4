#include "cli/naming.h"

#include <sys/stat.h>

#include <map>
#include <utility>

#include "core/base/file.h"
#include "core/base/path.h"

namespace dray {
namespace {

// The last name of a path; "" where it stands for what a folder holds: ".", "..", "/".
std::string LastName(std::string path) {
  while (!path.empty() && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  return name == "." || name == ".." ? "" : name;
}

std::string Into(const std::string& folder, const std::string& name) {
  if (folder.empty()) return name;
  if (name.empty()) return folder;
  return folder.back() == '/' ? folder + name : absl::StrCat(folder, "/", name);
}

// Whether the target takes the sources in.
absl::StatusOr<bool> TakesIn(
    const RemoteName& target, bool several,
    const std::function<absl::StatusOr<Standing>(const std::string& path)>& standing) {
  if (target.folder) return true;
  DRAY_ASSIGN_OR_RETURN(const Standing there, standing(target.path));
  if (there == Standing::kFolder) return true;
  if (!several) return false;
  return absl::InvalidArgumentError(absl::StrCat(
      "several sources need a folder, and :/", EscapeName(target.path),
      there == Standing::kNothing ? " does not exist: end it with \"/\" to make it" : " is none"));
}

// Refuses sources that get one name: which of them were there in the end would be chance.
class TakenNames {
 public:
  absl::Status Take(const std::string& name, const std::string& source) {
    const auto [taken, free] = sources_.try_emplace(name, source);
    if (free) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(EscapeName(taken->second), " and ", EscapeName(source), " would both become ",
                     EscapeName(name), "; give them folders of their own"));
  }

 private:
  std::map<std::string, std::string> sources_;  // by the names that they get
};

}  // namespace

absl::StatusOr<std::vector<PutJob>> NamePuts(
    const std::vector<std::string>& sources, const RemoteName& target,
    const std::function<absl::StatusOr<Standing>(const std::string& path)>& standing) {
  DRAY_ASSIGN_OR_RETURN(const bool into, TakesIn(target, sources.size() > 1, standing));
  std::vector<PutJob> jobs;
  TakenNames taken;
  for (const std::string& source : sources) {
    if (source.empty()) return absl::InvalidArgumentError("a source has no name");
    jobs.push_back({source, into ? Into(target.path, LastName(source)) : target.path});
    DRAY_RETURN_IF_ERROR(taken.Take(absl::StrCat(":/", jobs.back().remote), source));
  }
  return jobs;
}

absl::StatusOr<std::vector<GetJob>> NameGets(const std::vector<RemoteName>& sources,
                                             const std::string& target) {
  if (target.empty()) return absl::InvalidArgumentError("the target has no name");
  struct stat status;
  const bool exists = ::stat(target.c_str(), &status) == 0;
  const bool folder = exists && S_ISDIR(status.st_mode);
  const bool into = folder || target.back() == '/';
  if (!into && sources.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("several sources need a folder, and ", EscapeName(target),
                     exists ? " is none" : " does not exist: end it with \"/\" to make it"));
  }
  std::vector<GetJob> jobs;
  TakenNames taken;
  for (const RemoteName& source : sources) {
    jobs.push_back(
        {.remote = source.path, .local = into ? Into(target, LastName(source.path)) : target});
    DRAY_RETURN_IF_ERROR(taken.Take(jobs.back().local, absl::StrCat(":/", source.path)));
  }
  if (into && !folder) DRAY_RETURN_IF_ERROR(MakeFolders(target));
  return jobs;
}

absl::StatusOr<std::string> NameMove(
    const RemoteName& from, const RemoteName& to,
    const std::function<absl::StatusOr<Standing>(const std::string& path)>& standing) {
  DRAY_ASSIGN_OR_RETURN(const bool into, TakesIn(to, false, standing));
  return into ? Into(to.path, LastName(from.path)) : to.path;
}

}  // namespace dray
