#ifndef DRAY_CLI_NAMING_H_
#define DRAY_CLI_NAMING_H_

#include <functional>
#include <string>
#include <vector>

#include "cli/remote_name.h"
#include "client/jobs.h"
#include "core/base/status.h"

namespace dray {

// What stands under a name.
enum class Standing { kNothing, kFolder, kOther };

// The rules of cp -r: a target that is a folder (it exists as one, or ends with "/") takes each
// source in under the source's own last name; otherwise there is one source, and it gets the
// target's name. Several sources need a folder, and a name each: two that would get one name are
// refused. Sources "." and ".." stand for what they hold.

// `standing` is asked only where it matters.
absl::StatusOr<std::vector<PutJob>> NamePuts(
    const std::vector<std::string>& sources, const RemoteName& target,
    const std::function<absl::StatusOr<Standing>(const std::string& path)>& standing);

// Makes the local target folder where it ends with "/" and is missing.
absl::StatusOr<std::vector<GetJob>> NameGets(const std::vector<RemoteName>& sources,
                                             const std::string& target);

// The name that `from` gets when it is moved to `to`.
absl::StatusOr<std::string> NameMove(
    const RemoteName& from, const RemoteName& to,
    const std::function<absl::StatusOr<Standing>(const std::string& path)>& standing);

}  // namespace dray

#endif  // DRAY_CLI_NAMING_H_
