#include "client/large_get.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/base_picker.h"
#include "client/chunk_copier.h"
#include "client/chunk_fetcher.h"
#include "client/chunk_list.h"
#include "client/download.h"
#include "client/file_writer.h"
#include "client/flight_receiver.h"
#include "client/local_chunks.h"
#include "client/sibling_files.h"
#include "client/wire_error.h"
#include "core/base/path.h"

namespace dray {
namespace {

// To complete a file its list of chunks is held in memory. What a server can make of that is
// bounded by what is here: a file beyond both limits is got whole, which costs little of what is
// here.
constexpr uint64_t kCompletedBytes = uint64_t{4} << 30;
constexpr uint64_t kCompletedPerLocalByte = 64;

// A local file in which chunks may be found, and what is known of it.
struct ReadSource {
  UniqueFd fd;
  LocalChunks chunks;
};

// What is here besides the part file; kept from attempt to attempt.
struct LocalFiles {
  std::vector<ReadSource> read;   // what stands at the target comes first
  std::vector<Sibling> siblings;  // may be worth reading

  uint64_t bytes() const {
    uint64_t bytes = 0;
    for (const ReadSource& source : read) bytes += source.chunks.length_bytes();
    for (const Sibling& sibling : siblings) bytes += sibling.size_bytes;
    return bytes;
  }
};

// One attempt to get one file.
class Attempt {
 public:
  // All outlive this.
  Attempt(const Operation& operation, std::shared_ptr<Connection> connection,
          const RemoteFile& file, const GetOptions& options, LocalFiles* local)
      : operation_(operation),
        connection_(std::move(connection)),
        file_(file),
        options_(options),
        local_(*local) {}
  ~Attempt();

  absl::Status Run();

 private:
  absl::Status GetWhole();
  absl::Status Complete();
  absl::StatusOr<bool> IsWorthCompleting() const;
  std::vector<LocalSource> Sources() const;
  // What an interrupted get left: chunks that lie where they belong, and others where they are a
  // source.
  absl::StatusOr<std::vector<bool>> UseLeftover(const ChunkCopier& copier,
                                                absl::Span<const FileChunk> chunks);
  // Reads those siblings that share chunks with the file, if without them most of it would move.
  absl::Status UseSiblings(absl::Span<const FileChunk> chunks, const std::vector<bool>& there);
  absl::Status Assemble(const ChunkCopier& copier, absl::Span<const FileChunk> chunks,
                        const std::vector<bool>& there);
  void AddDone(uint64_t bytes);

  const Operation& operation_;
  const std::shared_ptr<Connection> connection_;
  const RemoteFile& file_;
  const GetOptions& options_;
  LocalFiles& local_;
  std::unique_ptr<IncomingFile> incoming_;
  std::optional<LocalChunks> leftover_;
  std::atomic<uint64_t> done_bytes_ = 0;
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
  struct stat status;
  if (::fstat(incoming_->part(), &status) != 0) {
    return ErrnoStatus(errno, EscapeName(file_.local));
  }
  const uint64_t local_bytes = local_.bytes() + static_cast<uint64_t>(status.st_size);
  return local_bytes > 0 && (file_.size_bytes() <= kCompletedBytes ||
                             file_.size_bytes() / kCompletedPerLocalByte <= local_bytes);
}

std::vector<LocalSource> Attempt::Sources() const {
  std::vector<LocalSource> sources;
  for (const ReadSource& source : local_.read) {
    sources.push_back({source.fd.get(), &source.chunks});
  }
  if (leftover_) sources.push_back({incoming_->part(), &*leftover_});
  return sources;
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
  DRAY_ASSIGN_OR_RETURN(const std::vector<FileChunk> chunks,
                        ReceiveChunkList(connection_, file_, Sources()));
  const ChunkCopier copier(incoming_.get(), operation_.cancellation,
                           [this](uint64_t bytes) { AddDone(bytes); });
  DRAY_ASSIGN_OR_RETURN(const std::vector<bool> there, UseLeftover(copier, chunks));
  DRAY_RETURN_IF_ERROR(UseSiblings(chunks, there));
  DRAY_RETURN_IF_ERROR(Assemble(copier, chunks, there));
  DRAY_RETURN_IF_ERROR(incoming_->Finish(options_));
  finished_ = true;
  operation_.tracker->AddChunks(chunks.size());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<bool>> Attempt::UseLeftover(const ChunkCopier& copier,
                                                       absl::Span<const FileChunk> chunks) {
  if (!incoming_->has_leftover()) return std::vector<bool>(chunks.size(), false);
  DRAY_ASSIGN_OR_RETURN(std::vector<bool> there, copier.CheckInPlace(chunks));
  uint64_t in_place_bytes = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (there[i]) in_place_bytes += chunks[i].length_bytes;
  }
  struct stat status;
  if (::fstat(incoming_->part(), &status) != 0) {
    return ErrnoStatus(errno, EscapeName(file_.local));
  }
  // Left of another version: its bytes are of use elsewhere.
  if (in_place_bytes < static_cast<uint64_t>(status.st_blocks) * 512 / 2) {
    DRAY_ASSIGN_OR_RETURN(leftover_, LocalChunks::Of(incoming_->part()));
  }
  return there;
}

absl::Status Attempt::UseSiblings(absl::Span<const FileChunk> chunks,
                                  const std::vector<bool>& there) {
  const std::vector<LocalSource> sources = Sources();
  absl::flat_hash_set<ChunkId> lacking;
  uint64_t lacking_bytes = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    const auto has = [&](const LocalSource& source) {
      return source.chunks->Find(chunks[i].id) != nullptr;
    };
    if (there[i] || std::any_of(sources.begin(), sources.end(), has)) continue;
    lacking.insert(chunks[i].id);
    lacking_bytes += chunks[i].length_bytes;
  }
  if (lacking_bytes < file_.size_bytes() / 2) return absl::OkStatus();
  for (Sibling& sibling : std::exchange(local_.siblings, {})) {
    DRAY_RETURN_IF_ERROR(operation_.cancellation->Check());
    if (!SharesChunks(sibling, lacking)) continue;
    auto read = LocalChunks::Of(sibling.fd.get(), operation_.hash_cache, TrustOf(options_));
    if (read.ok()) local_.read.push_back({std::move(sibling.fd), *std::move(read)});
  }
  return absl::OkStatus();
}

absl::Status Attempt::Assemble(const ChunkCopier& copier, absl::Span<const FileChunk> chunks,
                               const std::vector<bool>& there) {
  const std::vector<LocalSource> sources = Sources();
  std::vector<LocalCopy> copies;
  std::vector<size_t> copied;   // indices of them
  std::vector<size_t> lacking;  // indices of those that are nowhere here
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (there[i]) continue;
    const size_t before = copies.size();
    for (const LocalSource& source : sources) {
      const LocalChunks::Chunk* const found = source.chunks->Find(chunks[i].id);
      if (found == nullptr) continue;
      copies.push_back({chunks[i], source.fd, found->begin});
      break;
    }
    (copies.size() > before ? copied : lacking).push_back(i);
  }
  DRAY_ASSIGN_OR_RETURN(const std::vector<size_t> wrong, copier.Copy(copies));
  for (const size_t index : wrong) lacking.push_back(copied[index]);
  std::sort(lacking.begin(), lacking.end());
  std::vector<FileChunk> wanted;
  for (const size_t index : lacking) wanted.push_back(chunks[index]);
  ChunkFetcher fetcher(operation_, connection_, file_, incoming_.get(),
                       [this](uint64_t bytes) { AddDone(bytes); });
  return fetcher.Fetch(std::move(wanted), PickBases(chunks, lacking, sources));
}

}  // namespace

absl::Status GetLarge(const Operation& operation, Channel* channel, const RemoteFile& file,
                      const GetOptions& options, absl::Time begun) {
  const auto fail = [&](const absl::Status& status) {
    ReportFile(operation.tracker, *channel, file, FileReport::Outcome::kFailed, status);
    DRAY_RETURN_IF_ERROR(operation.cancellation->Check());
    // A server that cannot be reached after all retries will not be for the next file either.
    return absl::IsUnavailable(status) ? status : absl::OkStatus();
  };
  LocalFiles local;
  if (auto fd = OpenExisting(file); fd.ok()) {
    auto chunks = LocalChunks::Of(fd->get(), operation.hash_cache, TrustOf(options));
    if (chunks.ok()) local.read.push_back({*std::move(fd), *std::move(chunks)});
  }
  if (!local.read.empty() && local.read[0].chunks.root() == file.root) {
    const absl::Status set = SetMetadata(local.read[0].fd.get(), file.version.metadata(), options);
    if (!set.ok()) return fail(WithContext(set, EscapeName(file.local)));
    operation.tracker->AddDone(static_cast<int64_t>(file.size_bytes()));
    operation.tracker->AddChunks(local.read[0].chunks.chunks().size());
    ReportFile(operation.tracker, *channel, file, FileReport::Outcome::kUnchanged);
    return absl::OkStatus();
  }
  // Beside something that may be the file's older version others are of little use.
  if (local.bytes() < file.size_bytes() / 2) local.siblings = FindSiblings(file, begun);
  const absl::Status got = operation.MakeRetrier().Run([&]() -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(auto connection, channel->Connect());
    Attempt attempt(operation, std::move(connection), file, options, &local);
    const absl::Status status = attempt.Run();
    if (!status.ok()) channel->Drop();  // what still comes on it belongs to nobody
    return status;
  });
  if (!got.ok()) return fail(got);
  ReportFile(operation.tracker, *channel, file, FileReport::Outcome::kDone);
  return absl::OkStatus();
}

}  // namespace dray
