#ifndef DRAY_CLIENT_JOBS_H_
#define DRAY_CLIENT_JOBS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "dray/wire/v1/version.pb.h"

namespace dray {

// `local` is put as `remote`, which is relative to the server's top ("" is the top: what a folder
// holds goes there).
struct PutJob {
  std::string local;
  std::string remote;
};

struct PutOptions {
  // What the versions replaced have to be; for every file of the operation.
  std::optional<wire::v1::Precondition> replaces;
  // Every file is read, also where the cache of hashes knows it.
  bool checksum = false;
  // Files that are gone when they are to be read are told of as skipped, not as failed.
  bool may_vanish = false;
};

// `remote`, in version `number` (0: the newest; else it has to be a file or link), is got as
// `local`. Where `at_ns` is not 0, all is as it was then: names, and the newest versions of then.
struct GetJob {
  std::string remote;
  uint64_t number = 0;
  std::string local;
  int64_t at_ns = 0;  // since 1970
};

struct GetOptions {
  // Setuid, setgid and sticky bits are kept instead of dropped.
  bool keep_special_modes = false;
  // Each file is synced before it takes its name.
  bool sync = false;
  // What is here is read, also where the cache of hashes knows it.
  bool checksum = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_JOBS_H_
