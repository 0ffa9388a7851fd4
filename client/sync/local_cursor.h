#ifndef DRAY_CLIENT_SYNC_LOCAL_CURSOR_H_
#define DRAY_CLIENT_SYNC_LOCAL_CURSOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "client/beneath_folder.h"
#include "client/sync/sync_entry.h"
#include "core/base/file.h"
#include "core/base/status.h"

namespace dray {

// The names of one folder, in one piece of memory: some 4 bytes for each and what it is made of.
class SortedNames {
 public:
  void Add(std::string_view name);
  void Sort();

  size_t size() const { return starts_.size(); }
  // REQUIRES: index < size(). Ends with a NUL, which is not part of it.
  std::string_view at(size_t index) const { return text_.c_str() + starts_[index]; }

 private:
  std::string text_;  // each name with a NUL after it
  std::vector<uint32_t> starts_;
};

// A folder of this machine, read as it is asked for. Links are told, not followed. Memory: the
// names in the folders on the way to the entry told last.
class LocalCursor : public TreeCursor {
 public:
  struct Sink {
    // What is told of is left out.
    std::function<void(const std::string& name, const absl::Status& why)> failed;
    std::function<void(const std::string& name, const char* what)> skipped;
  };
  enum class Side {
    kSource,  // what a sync does not copy is skipped
    kTarget,  // it is told
  };

  LocalCursor(std::shared_ptr<const BeneathFolder> base, Side side, Sink sink);

  absl::StatusOr<std::optional<SyncEntry>> Next() override;
  void SkipFolder() override { enter_.reset(); }
  bool complete() const override { return complete_; }

 private:
  struct Level {
    std::string folder;
    SortedNames names;
    size_t next = 0;
    UniqueFd fd;  // opened again when needed
  };

  void Enter(const std::string& folder);
  absl::Status ReadNames(Level* level);
  absl::StatusOr<std::optional<SyncEntry>> Look(Level* level, std::string_view last,
                                                std::string name);
  void Failed(const std::string& name, const absl::Status& why);

  const std::shared_ptr<const BeneathFolder> base_;
  const Side side_;
  const Sink sink_;
  std::optional<std::string> enter_ = "";  // the folder to be read next
  std::vector<Level> levels_;
  bool complete_ = true;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_LOCAL_CURSOR_H_
