#ifndef DRAY_CLIENT_SYNC_FILTER_H_
#define DRAY_CLIENT_SYNC_FILTER_H_

#include <string>
#include <string_view>
#include <vector>

#include "client/sync/ignore_pattern.h"
#include "core/base/status.h"

namespace dray {

// Which names a sync leaves alone on both sides: patterns with the meaning of a gitignore file in
// the top folder. The last pattern that matches a name decides; what lies in an excluded folder is
// excluded, whatever matches it. Thread-safe once it is made.
class Filter {
 public:
  // A line of a gitignore file. INVALID_ARGUMENT for one that says nothing.
  absl::Status AddPattern(std::string_view line);
  // The opposite of AddPattern.
  absl::Status AddInclude(std::string_view line);
  // All lines of a file; empty ones and comments are passed over.
  absl::Status AddFile(const std::string& file);

  bool empty() const { return patterns_.empty(); }
  // REQUIRES: the folders above are not excluded; `path` is relative to the top and not empty.
  bool Excludes(std::string_view path, bool is_folder) const;

 private:
  std::vector<IgnorePattern> patterns_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_FILTER_H_
