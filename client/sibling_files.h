#ifndef DRAY_CLIENT_SIBLING_FILES_H_
#define DRAY_CLIENT_SIBLING_FILES_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "client/incoming_file.h"
#include "core/base/file.h"
#include "core/base/ids.h"

namespace dray {

// Other files in the target's folder, in which chunks of a file may be found.
struct Sibling {
  UniqueFd fd;
  uint64_t size_bytes = 0;
};

// The few that are most like `file` by name and size, best first: at most four, as long as the file
// within a factor of four, with the same ending or a like name, and there before `before` (what a
// get writes is no source of the same get). A folder of more than 4096 entries is not looked
// through: none.
std::vector<Sibling> FindSiblings(const RemoteFile& file, absl::Time before);

// Whether any of the wanted chunks is found in a few short pieces of a file: then the whole of it
// is worth reading. Reads and hashes some MiB at most, whatever the file's length.
bool SharesChunks(const Sibling& sibling, const absl::flat_hash_set<ChunkId>& wanted);

// How like two names are: 0, nothing, to 1, the same.
double NameLikeness(std::string_view a, std::string_view b);

}  // namespace dray

#endif  // DRAY_CLIENT_SIBLING_FILES_H_
