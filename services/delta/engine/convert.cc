#include "services/delta/engine/convert.h"

#include <cstdint>
#include <limits>

#include "core/base/path.h"
#include "core/chunking/chunker.h"

namespace dray::delta {
namespace {

constexpr uint32_t kModeBits = 07777;
constexpr size_t kMaxSymlinkBytes = 4096;
constexpr size_t kMinOperationIdBytes = 16;
constexpr size_t kMaxOperationIdBytes = 64;
constexpr size_t kMaxAuthorBytes = 256;
// A record is its header and the chunk, raw at worst; more than this is no record.
constexpr uint32_t kMaxStoredBytes = 1024 * 1024;
constexpr uint64_t kMaxInteger = std::numeric_limits<int64_t>::max();

absl::StatusOr<EntryKind> KindFromProto(wire::v1::EntryKind kind) {
  switch (kind) {
    case wire::v1::FILE:
      return EntryKind::kFile;
    case wire::v1::FOLDER:
      return EntryKind::kFolder;
    case wire::v1::SYMLINK:
      return EntryKind::kSymlink;
    default:
      return absl::InvalidArgumentError(
          absl::StrCat("kind ", static_cast<int>(kind),
                       " cannot be committed; it must be FILE, FOLDER or SYMLINK"));
  }
}

wire::v1::EntryKind KindToProto(EntryKind kind) {
  switch (kind) {
    case EntryKind::kFile:
      return wire::v1::FILE;
    case EntryKind::kFolder:
      return wire::v1::FOLDER;
    case EntryKind::kSymlink:
      return wire::v1::SYMLINK;
    case EntryKind::kDeleted:
      return wire::v1::DELETED;
  }
  return wire::v1::ENTRY_KIND_UNSPECIFIED;
}

absl::StatusOr<CommitArguments> WithoutMetadata(const std::string& path,
                                                const std::string& operation_id,
                                                const wire::v1::Precondition& replaces) {
  DRAY_RETURN_IF_ERROR(SplitOff(path).status());
  DRAY_RETURN_IF_ERROR(CheckOperationId(operation_id));
  CommitArguments arguments{.path = path, .operation_id = operation_id};
  arguments.replaces.absent = replaces.has_absent() && replaces.absent();
  if (replaces.has_number()) arguments.replaces.number = replaces.number();
  return arguments;
}

}  // namespace

void VersionToProto(std::string_view path, const VersionRecord& version, wire::v1::Version* out) {
  out->set_path(std::string(path));
  out->set_number(version.number);
  wire::v1::Metadata* metadata = out->mutable_metadata();
  metadata->set_kind(KindToProto(version.metadata.kind));
  metadata->set_mode(version.metadata.mode);
  metadata->set_mtime_ns(version.metadata.mtime_ns);
  metadata->set_size(version.metadata.size);
  metadata->set_symlink_target(version.metadata.symlink_target);
  if (version.root) out->set_root(std::string(version.root->view()));
  out->set_author(version.author);
  out->set_committed_ns(version.committed_ns);
  out->set_md5(version.md5);
}

void ChunkToProto(const StoredChunk& chunk, v1::StoredChunk* out) {
  out->set_id(chunk.id.data(), kDigestBytes);
  out->set_length(chunk.length_bytes);
  out->set_segment(static_cast<uint64_t>(chunk.segment));
  out->set_offset(chunk.offset);
  out->set_stored(chunk.stored_bytes);
}

void BaseToProto(const Base& base, v1::CompareResponse::Base* out) {
  out->set_first(base.first);
  out->set_count(base.count);
  for (const StoredChunk& chunk : base.chunks) ChunkToProto(chunk, out->add_chunks());
}

absl::StatusOr<StoredChunk> ChunkFromProto(const v1::StoredChunk& chunk) {
  const auto id = ChunkId::FromBytes(chunk.id());
  if (!id) {
    return absl::InvalidArgumentError(
        absl::StrCat("a chunk's id has ", chunk.id().size(), " bytes; it must have 32"));
  }
  if (chunk.length() == 0 || chunk.length() > kMaxChunkBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "chunk ", id->hex(), " has length ", chunk.length(), "; it must be 1 to ", kMaxChunkBytes));
  }
  if (chunk.segment() == 0 || chunk.stored() == 0 || chunk.stored() > kMaxStoredBytes ||
      chunk.offset() > kMaxInteger - kMaxStoredBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk ", id->hex(), " has a location that cannot be: segment ",
                     chunk.segment(), ", offset ", chunk.offset(), ", ", chunk.stored(), " bytes"));
  }
  return StoredChunk{.id = *id,
                     .length_bytes = chunk.length(),
                     .segment = SegmentId{chunk.segment()},
                     .offset = chunk.offset(),
                     .stored_bytes = chunk.stored()};
}

absl::StatusOr<Metadata> MetadataFromProto(const wire::v1::Metadata& metadata) {
  Metadata result;
  DRAY_ASSIGN_OR_RETURN(result.kind, KindFromProto(metadata.kind()));
  if ((metadata.mode() & ~kModeBits) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("mode ", metadata.mode(), " has bits beyond the permissions (07777)"));
  }
  const bool link = result.kind == EntryKind::kSymlink;
  const std::string& target = metadata.symlink_target();
  if (link ? target.empty() || target.size() > kMaxSymlinkBytes || target.find('\0') != target.npos
           : !target.empty()) {
    return absl::InvalidArgumentError(
        "a symbolic link has a target of 1 to 4096 bytes without NUL, and nothing else has one");
  }
  if (metadata.size() > kMaxInteger || (result.kind != EntryKind::kFile && metadata.size() != 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("size ", metadata.size(), " cannot be: only files have one, below 2^63"));
  }
  result.mode = metadata.mode();
  result.mtime_ns = metadata.mtime_ns();
  result.size = metadata.size();
  result.symlink_target = target;
  return result;
}

absl::Status CheckOperationId(std::string_view id) {
  if (id.empty() || (id.size() >= kMinOperationIdBytes && id.size() <= kMaxOperationIdBytes)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("an operation id has ", id.size(), " bytes; it must have 16 to 64, or none"));
}

absl::Status CheckAuthor(std::string_view author) {
  if (author.size() > kMaxAuthorBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the author has ", author.size(), " bytes; at most 256 are kept"));
  }
  if (author.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("the author has a NUL byte in it");
  }
  return absl::OkStatus();
}

absl::StatusOr<CommitArguments> CommitFromProto(const std::string& path,
                                                const wire::v1::Metadata& metadata,
                                                const std::string& operation_id,
                                                const wire::v1::Precondition& replaces) {
  DRAY_ASSIGN_OR_RETURN(CommitArguments arguments, WithoutMetadata(path, operation_id, replaces));
  DRAY_ASSIGN_OR_RETURN(arguments.metadata, MetadataFromProto(metadata));
  return arguments;
}

absl::StatusOr<CommitArguments> DeletionFromProto(const std::string& path,
                                                  const wire::v1::Metadata& metadata,
                                                  const std::string& operation_id,
                                                  const wire::v1::Precondition& replaces) {
  DRAY_ASSIGN_OR_RETURN(CommitArguments arguments, WithoutMetadata(path, operation_id, replaces));
  if (metadata.mode() != 0 || metadata.mtime_ns() != 0 || metadata.size() != 0 ||
      !metadata.symlink_target().empty()) {
    return absl::InvalidArgumentError(
        "a deletion has neither mode, time, size nor target, only its kind");
  }
  arguments.metadata.kind = EntryKind::kDeleted;
  return arguments;
}

}  // namespace dray::delta
