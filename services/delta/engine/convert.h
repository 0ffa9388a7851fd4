#ifndef DRAY_SERVICES_DELTA_ENGINE_CONVERT_H_
#define DRAY_SERVICES_DELTA_ENGINE_CONVERT_H_

#include <string>
#include <string_view>

#include "dray/delta/v1/delta.pb.h"
#include "services/delta/catalog/types.h"
#include "services/delta/engine/base_finder.h"
#include "services/delta/engine/commit.h"

// Between messages and the catalog's types. What comes from outside is checked here:
// INVALID_ARGUMENT says what is wrong.
namespace dray::delta {

void VersionToProto(std::string_view path, const VersionRecord& version, wire::v1::Version* out);
void ChunkToProto(const StoredChunk& chunk, v1::StoredChunk* out);
void BaseToProto(const Base& base, v1::CompareResponse::Base* out);

absl::StatusOr<StoredChunk> ChunkFromProto(const v1::StoredChunk& chunk);
absl::StatusOr<Metadata> MetadataFromProto(const wire::v1::Metadata& metadata);
// Empty, or 16 to 64 bytes.
absl::Status CheckOperationId(std::string_view operation_id);
// At most 256 bytes without NUL.
absl::Status CheckAuthor(std::string_view author);

// A commit without its root.
absl::StatusOr<CommitArguments> CommitFromProto(const std::string& path,
                                                const wire::v1::Metadata& metadata,
                                                const std::string& operation_id,
                                                const wire::v1::Precondition& replaces);
// A deletion: of its metadata there is the kind alone.
absl::StatusOr<CommitArguments> DeletionFromProto(const std::string& path,
                                                  const wire::v1::Metadata& metadata,
                                                  const std::string& operation_id,
                                                  const wire::v1::Precondition& replaces);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_CONVERT_H_
