#include "client/large_get.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/call.h"
#include "client/download.h"
#include "client/file_writer.h"
#include "client/group_get.h"
#include "client/local_chunks.h"
#include "client/wire_error.h"
#include "core/base/path.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"

namespace dray {
namespace {

constexpr size_t kEntryBytes = kDigestBytes + 4;
// Ranges of one request: its frame stays far below its limit.
constexpr int kMaxRanges = 8192;
// Chunks copied from a local file in one go.
constexpr size_t kCopyGroup = 12;
// To complete a file its list of chunks is held in memory. What a server can make of that is
// bounded by what is here: a file beyond both limits is got whole, which costs little of what is
// here.
constexpr uint64_t kCompletedBytes = uint64_t{4} << 30;
constexpr uint64_t kCompletedPerLocalByte = 64;

struct FileChunk {
  ChunkId id;
  uint64_t offset_bytes = 0;
  uint32_t length_bytes = 0;
};

// One attempt to get one file.
class Attempt {
 public:
  // `existing` is what stands at the target, with its chunks; null if nothing does.
  Attempt(const Operation& operation, std::shared_ptr<Connection> connection,
          const RemoteFile& file, const GetOptions& options, int existing_fd,
          const LocalChunks* existing)
      : operation_(operation),
        connection_(std::move(connection)),
        file_(file),
        options_(options),
        existing_fd_(existing_fd),
        existing_(existing) {}
  ~Attempt();

  absl::Status Run();

 private:
  absl::Status GetWhole();
  absl::Status Complete();
  absl::StatusOr<bool> IsWorthCompleting() const;
  absl::StatusOr<std::vector<FileChunk>> ReceiveEntries();
  absl::Status AddEntries(std::string_view entries, TreeBuilder* builder,
                          std::vector<FileChunk>* chunks);
  absl::Status CopyLocal(const LocalChunks& leftover, const std::vector<FileChunk>& chunks,
                         std::vector<FileChunk>* lacking);
  absl::Status CopyGroup(absl::Span<const FileChunk> group);
  absl::Status Fetch(absl::Span<const FileChunk> lacking);
  absl::Status FetchSome(const wire::v1::Get& get, absl::Span<const FileChunk> expected);
  void AddDone(uint64_t bytes);

  const Operation& operation_;
  const std::shared_ptr<Connection> connection_;
  const RemoteFile& file_;
  const GetOptions& options_;
  const int existing_fd_;
  const LocalChunks* const existing_;
  std::unique_ptr<IncomingFile> incoming_;
  std::vector<uint8_t> copy_buffer_;
  uint64_t done_bytes_ = 0;
  bool finished_ = false;
};

Attempt::~Attempt() {
  if (!finished_) operation_.tracker->AddDone(-static_cast<int64_t>(done_bytes_));
}

void Attempt::AddDone(uint64_t bytes) {
  done_bytes_ += bytes;
  operation_.tracker->AddDone(static_cast<int64_t>(bytes));
}

void TellKept(Tracker* tracker, const RemoteFile& file) {
  tracker->Tell(Notice::Kind::kKept,
                absl::StrCat("what has arrived of ", EscapeName(file.local),
                             " is kept beside it: get it again to go on from there"));
}

absl::Status Attempt::Run() {
  DRAY_ASSIGN_OR_RETURN(incoming_, IncomingFile::Open(file_));
  DRAY_ASSIGN_OR_RETURN(const bool complete, IsWorthCompleting());
  if (!complete) return GetWhole();
  const absl::Status status = Complete();
  if (!status.ok() && incoming_->worth_keeping() && operation_.cancellation->cancelled()) {
    TellKept(operation_.tracker, file_);
  }
  return status;
}

absl::StatusOr<bool> Attempt::IsWorthCompleting() const {
  uint64_t local_bytes = 0;
  for (const int fd : {existing_ == nullptr ? -1 : existing_fd_, incoming_->part()}) {
    struct stat status;
    if (fd < 0) continue;
    if (::fstat(fd, &status) != 0) return ErrnoStatus(errno, EscapeName(file_.local));
    local_bytes += static_cast<uint64_t>(status.st_size);
  }
  return local_bytes > 0 && (file_.size_bytes() <= kCompletedBytes ||
                             file_.size_bytes() / kCompletedPerLocalByte <= local_bytes);
}

absl::Status Attempt::GetWhole() {
  wire::v1::Get get;
  *get.add_items()->mutable_version() = ReferenceTo(file_);
  DRAY_ASSIGN_OR_RETURN(const auto download, Download::Start(connection_, get));
  DRAY_ASSIGN_OR_RETURN(const wire::v1::GetItems items, download->ReceiveItems());
  const wire::v1::GetItems::Item& item = items.items(0);
  if (item.has_error()) return StatusFromWire(item.error());
  if (item.data_bytes() != file_.size_bytes()) {
    return LossOf(file_, "the server's sizes do not add up");
  }
  FileWriter writer(file_, operation_.tracker);
  writer.Open(std::move(incoming_));
  while (true) {
    const auto chunks = download->ReceiveChunks();
    if (!chunks.ok()) {
      if (writer.worth_keeping() && operation_.cancellation->cancelled()) {
        TellKept(operation_.tracker, file_);
      }
      return chunks.status();
    }
    if (chunks->empty()) break;
    for (const Download::VerifiedChunk& chunk : *chunks) DRAY_RETURN_IF_ERROR(writer.Add(chunk));
  }
  if (writer.bytes_left() > 0) return LossOf(file_, "the server sent less than it said");
  return writer.Finish(options_);
}

absl::Status Attempt::Complete() {
  LocalChunks leftover;
  if (incoming_->has_leftover()) {
    DRAY_ASSIGN_OR_RETURN(leftover, LocalChunks::Of(incoming_->part()));
  }
  DRAY_ASSIGN_OR_RETURN(const std::vector<FileChunk> chunks, ReceiveEntries());
  std::vector<FileChunk> lacking;
  DRAY_RETURN_IF_ERROR(CopyLocal(leftover, chunks, &lacking));
  DRAY_RETURN_IF_ERROR(Fetch(lacking));
  DRAY_RETURN_IF_ERROR(incoming_->Finish(options_));
  finished_ = true;
  operation_.tracker->AddChunks(chunks.size());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<FileChunk>> Attempt::ReceiveEntries() {
  wire::v1::GetEntries question;
  *question.mutable_version() = ReferenceTo(file_);
  DRAY_ASSIGN_OR_RETURN(const auto call, Call::Start(connection_, FrameType::kGetEntries, question,
                                                     FrameType::kEntries));
  std::vector<FileChunk> chunks;
  TreeBuilder builder({});
  for (bool last = false; !last;) {
    wire::v1::Entries answer;
    DRAY_RETURN_IF_ERROR(call->Receive(&answer));
    last = answer.last();
    if (answer.entries().empty() && !last) return LossOf(file_, "a list of chunks without chunks");
    DRAY_RETURN_IF_ERROR(AddEntries(answer.entries(), &builder, &chunks));
  }
  if (builder.Finish() != file_.root) {
    return LossOf(file_, "the server's list of chunks is not that of the version that it named");
  }
  if (builder.length_bytes() != file_.size_bytes()) {
    return LossOf(file_, "the server's sizes do not add up");
  }
  return chunks;
}

absl::Status Attempt::AddEntries(std::string_view entries, TreeBuilder* builder,
                                 std::vector<FileChunk>* chunks) {
  const Bytes bytes = AsBytes(entries);
  if (bytes.size() % kEntryBytes != 0) return LossOf(file_, "a list of chunks of an odd length");
  for (size_t at = 0; at < bytes.size(); at += kEntryBytes) {
    const auto length = LoadBigEndian<uint32_t>(bytes.data() + at + kDigestBytes);
    const uint64_t left = file_.size_bytes() - builder->length_bytes();
    if (length == 0 || length > kMaxChunkBytes || length > left ||
        (length < kMinChunkBytes && length < left)) {
      return LossOf(file_, "a list of chunks with an impossible length");
    }
    const auto id = ChunkId::Load(bytes.data() + at);
    chunks->push_back({id, builder->length_bytes(), length});
    builder->Add(id, length);
  }
  return absl::OkStatus();
}

absl::Status Attempt::CopyLocal(const LocalChunks& leftover, const std::vector<FileChunk>& chunks,
                                std::vector<FileChunk>* lacking) {
  std::vector<FileChunk> group;
  for (const FileChunk& chunk : chunks) {
    if (leftover.HasAt(chunk.id, chunk.offset_bytes)) {
      AddDone(chunk.length_bytes);
    } else if (existing_ != nullptr && existing_->Find(chunk.id)) {
      group.push_back(chunk);
      if (group.size() < kCopyGroup) continue;
      DRAY_RETURN_IF_ERROR(CopyGroup(group));
      group.clear();
    } else {
      lacking->push_back(chunk);
    }
  }
  return CopyGroup(group);
}

absl::Status Attempt::CopyGroup(absl::Span<const FileChunk> group) {
  DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
  copy_buffer_.resize(kCopyGroup * kMaxChunkBytes);
  std::vector<Bytes> messages;
  for (size_t i = 0; i < group.size(); ++i) {
    const MutableBytes room(copy_buffer_.data() + i * kMaxChunkBytes, group[i].length_bytes);
    DRAY_ASSIGN_OR_RETURN(const size_t read,
                          ReadAt(existing_fd_, *existing_->Find(group[i].id), room));
    messages.push_back(room.first(read));
  }
  std::vector<ChunkId> ids(messages.size());
  HashChunks(messages, absl::MakeSpan(ids));
  for (size_t i = 0; i < group.size(); ++i) {
    if (ids[i] != group[i].id) {
      return absl::AbortedError(
          absl::StrCat(EscapeName(file_.local), " changed while it was completed"));
    }
    DRAY_RETURN_IF_ERROR(incoming_->Write(group[i].offset_bytes, messages[i]));
    AddDone(group[i].length_bytes);
  }
  return absl::OkStatus();
}

absl::Status Attempt::Fetch(absl::Span<const FileChunk> lacking) {
  while (!lacking.empty()) {
    wire::v1::Get get;
    wire::v1::Get::Item* item = get.add_items();
    *item->mutable_version() = ReferenceTo(file_);
    wire::v1::ByteRange* range = nullptr;
    size_t count = 0;
    for (; count < lacking.size(); ++count) {
      const FileChunk& chunk = lacking[count];
      if (range == nullptr || range->offset() + range->length() != chunk.offset_bytes) {
        if (item->ranges_size() == kMaxRanges) break;
        range = item->add_ranges();
        range->set_offset(chunk.offset_bytes);
      }
      range->set_length(range->length() + chunk.length_bytes);
    }
    DRAY_RETURN_IF_ERROR(FetchSome(get, lacking.first(count)));
    lacking.remove_prefix(count);
  }
  return absl::OkStatus();
}

absl::Status Attempt::FetchSome(const wire::v1::Get& get, absl::Span<const FileChunk> expected) {
  DRAY_ASSIGN_OR_RETURN(const auto download, Download::Start(connection_, get));
  DRAY_ASSIGN_OR_RETURN(const wire::v1::GetItems items, download->ReceiveItems());
  if (items.items(0).has_error()) return StatusFromWire(items.items(0).error());
  while (true) {
    DRAY_ASSIGN_OR_RETURN(const auto chunks, download->ReceiveChunks());
    if (chunks.empty()) break;
    for (const Download::VerifiedChunk& chunk : chunks) {
      if (expected.empty() || expected.front().id != chunk.id ||
          expected.front().length_bytes != chunk.raw.size()) {
        return LossOf(file_, "the server sent a chunk that was not asked for");
      }
      DRAY_RETURN_IF_ERROR(incoming_->Write(expected.front().offset_bytes, chunk.raw));
      AddDone(chunk.raw.size());
      operation_.tracker->AddChunksMoved(1);
      expected.remove_prefix(1);
    }
  }
  if (!expected.empty()) return LossOf(file_, "the server sent less than was asked for");
  return absl::OkStatus();
}

}  // namespace

absl::Status GetLarge(const Operation& operation, Channel* channel, const RemoteFile& file,
                      const GetOptions& options) {
  const auto fail = [&](const absl::Status& status) {
    ReportFile(operation.tracker, *channel, file, FileReport::Outcome::kFailed, status);
    DRAY_RETURN_IF_ERROR(operation.cancellation->Check());
    // A server that cannot be reached after all retries will not be for the next file either.
    return absl::IsUnavailable(status) ? status : absl::OkStatus();
  };
  const auto existing_fd = OpenExisting(file);
  std::optional<LocalChunks> existing;
  if (existing_fd.ok()) {
    auto chunks = LocalChunks::Of(existing_fd->get());
    if (chunks.ok()) existing = *std::move(chunks);
  }
  if (existing && existing->root() == file.root) {
    const absl::Status set = SetMetadata(existing_fd->get(), file.version.metadata(), options);
    if (!set.ok()) return fail(WithContext(set, EscapeName(file.local)));
    operation.tracker->AddDone(static_cast<int64_t>(file.size_bytes()));
    operation.tracker->AddChunks(existing->chunk_count());
    ReportFile(operation.tracker, *channel, file, FileReport::Outcome::kUnchanged);
    return absl::OkStatus();
  }
  const absl::Status got = operation.MakeRetrier().Run([&]() -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(auto connection, channel->Connect());
    Attempt attempt(operation, std::move(connection), file, options,
                    existing ? existing_fd->get() : -1, existing ? &*existing : nullptr);
    const absl::Status status = attempt.Run();
    if (!status.ok()) channel->Drop();  // what still comes on it belongs to nobody
    return status;
  });
  if (!got.ok()) return fail(got);
  ReportFile(operation.tracker, *channel, file, FileReport::Outcome::kDone);
  return absl::OkStatus();
}

}  // namespace dray
