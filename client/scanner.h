#ifndef DRAY_CLIENT_SCANNER_H_
#define DRAY_CLIENT_SCANNER_H_

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "client/beneath_folder.h"
#include "client/hash_cache.h"
#include "core/base/status.h"
#include "dray/wire/v1/version.pb.h"

namespace dray {

// A file, folder or link found on this machine.
struct LocalEntry {
  std::shared_ptr<const BeneathFolder> base;  // `name` is beneath it
  std::string name;
  std::string local;   // for people: as the source was given, and what follows
  std::string remote;  // where it goes
  wire::v1::Metadata metadata;
  FileState state;
};

// Walks a file, a link or a whole folder. Links are told, not followed (but "link/" names what a
// link leads to, as everywhere); names are bytes and come sorted, a folder before what is in it.
// Not thread-safe.
class Scanner {
 public:
  struct Sink {
    // False ends the walk.
    std::function<bool(LocalEntry)> found;
    std::function<void(const std::string& local, const absl::Status& why)> failed;
    // Neither file, folder nor link.
    std::function<void(const std::string& local, const char* what)> skipped;
  };

  explicit Scanner(Sink sink) : sink_(std::move(sink)) {}

  // `remote` is the name that `local` itself gets; with "" only what a folder holds is told. False
  // when the sink ended the walk.
  bool Walk(const std::string& local, const std::string& remote);

 private:
  struct Child {
    std::string name;
    struct stat status;
    std::string link;
  };

  bool WalkFolder(const std::shared_ptr<const BeneathFolder>& base, const std::string& name,
                  const std::string& local, const std::string& remote);
  absl::StatusOr<std::vector<Child>> ReadFolder(const BeneathFolder& base, const std::string& name,
                                                const std::string& local);
  bool Tell(const std::shared_ptr<const BeneathFolder>& base, const std::string& name,
            const std::string& local, const std::string& remote, const Child& child);

  const Sink sink_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SCANNER_H_
