#ifndef DRAY_CLIENT_NAMES_H_
#define DRAY_CLIENT_NAMES_H_

#include <google/protobuf/message_lite.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "client/channel.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/framing/frame.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray {

// What a server must know to be asked of a time; nothing for 0, which is now.
inline wire::v1::Feature FeatureFor(int64_t at_ns) {
  return at_ns == 0 ? wire::v1::NO_FEATURE : wire::v1::PAST;
}

// One question and its answer, tried again as the options say. UNIMPLEMENTED from a server that
// does not know of `feature`, which the question is about.
absl::Status Ask(const Operation& operation, Channel* channel, FrameType type,
                 const google::protobuf::MessageLite& question, FrameType answer_type,
                 google::protobuf::MessageLite* answer,
                 wire::v1::Feature feature = wire::v1::NO_FEATURE);

using OnVersion = std::function<absl::Status(const wire::v1::Version&)>;

// List, depth first; an error of `on_version` ends it. When the connection is lost on the way, it
// goes on after the last path told.
absl::Status ListVersions(const Operation& operation, Channel* channel, const wire::v1::List& list,
                          const OnVersion& on_version);

absl::Status ListHistory(const Operation& operation, Channel* channel, const std::string& path,
                         const OnVersion& on_version);

// The roots of versions, in their order; nothing for one that is gone, or no file. UNIMPLEMENTED
// from a server that does not know of ROOTS.
absl::StatusOr<std::vector<std::optional<Root>>> AskRoots(
    const Operation& operation, Channel* channel, absl::Span<const wire::v1::VersionRef> versions);

// Every rule of retention, in byte order of their paths. UNIMPLEMENTED from a server that knows
// none.
absl::StatusOr<std::vector<wire::v1::Retention>> ListRetentionRules(const Operation& operation,
                                                                    Channel* channel);

// Depth first, names in byte order: whether `a` comes before `b` in a listing.
bool ListedBefore(const std::string& a, const std::string& b);

}  // namespace dray

#endif  // DRAY_CLIENT_NAMES_H_
