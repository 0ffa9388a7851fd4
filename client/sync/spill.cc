#include "client/sync/spill.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "core/base/random.h"

namespace dray {
namespace {

constexpr size_t kLengthBytes = sizeof(uint32_t);
constexpr size_t kMemoryBytes = 4 << 20;
constexpr size_t kBlockBytes = 256 << 10;

uint32_t LoadLength(const char* at) {
  uint32_t length;
  std::memcpy(&length, at, kLengthBytes);
  return length;
}

void AppendLength(size_t length, std::string* out) {
  const auto text = static_cast<uint32_t>(length);
  out->append(reinterpret_cast<const char*>(&text), kLengthBytes);
}

absl::Status Truncated() { return absl::DataLossError("a temporary file was cut short"); }

}  // namespace

absl::StatusOr<UniqueFd> OpenNamelessFile() {
  const char* folder = std::getenv("TMPDIR");
  if (folder == nullptr || folder[0] == '\0') folder = "/var/tmp";
  const int fd = ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return UniqueFd(fd);
  // Filesystems that know no nameless files.
  const std::string name = absl::StrCat(folder, "/dray-", absl::Hex(RandomWord()));
  DRAY_ASSIGN_OR_RETURN(UniqueFd file, OpenFile(name, O_RDWR | O_CREAT | O_EXCL, 0600));
  ::unlink(name.c_str());
  return file;
}

absl::StatusOr<uint64_t> SpillList::Append(std::string_view record) {
  const uint64_t place = file_bytes_ + tail_.size();
  AppendLength(record.size(), &tail_);
  tail_.append(record);
  AppendLength(record.size(), &tail_);
  ++count_;
  if (tail_.size() >= kMemoryBytes) DRAY_RETURN_IF_ERROR(Spill());
  return place;
}

absl::Status SpillList::Spill() {
  if (!file_.valid()) {
    DRAY_ASSIGN_OR_RETURN(file_, OpenNamelessFile());
  }
  DRAY_RETURN_IF_ERROR(WithContext(WriteAt(file_.get(), file_bytes_, AsBytes(tail_)),
                                   "cannot write to a temporary file"));
  file_bytes_ += tail_.size();
  tail_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::string> SpillList::Read(uint64_t place, size_t bytes) const {
  std::string out;
  if (place < file_bytes_) {
    out.resize(std::min<uint64_t>(bytes, file_bytes_ - place));
    const MutableBytes room(reinterpret_cast<uint8_t*>(out.data()), out.size());
    DRAY_ASSIGN_OR_RETURN(const size_t read, ReadAt(file_.get(), place, room));
    if (read != out.size()) return Truncated();
  }
  const uint64_t from = place + out.size() - file_bytes_;
  if (out.size() < bytes && from < tail_.size()) out.append(tail_, from, bytes - out.size());
  return out;
}

absl::StatusOr<std::string> SpillList::At(uint64_t place) const {
  DRAY_ASSIGN_OR_RETURN(const std::string length, Read(place, kLengthBytes));
  if (length.size() != kLengthBytes) return Truncated();
  return Read(place + kLengthBytes, LoadLength(length.data()));
}

absl::Status SpillList::ForEach(const Visit& visit) const {
  const uint64_t end = file_bytes_ + tail_.size();
  size_t want = kBlockBytes;
  for (uint64_t place = 0; place < end;) {
    DRAY_ASSIGN_OR_RETURN(const std::string block, Read(place, want));
    size_t at = 0;
    while (block.size() - at >= kLengthBytes) {
      const size_t length = LoadLength(block.data() + at);
      const size_t whole = length + 2 * kLengthBytes;
      want = std::max(kBlockBytes, whole);
      if (block.size() - at < whole) break;
      DRAY_RETURN_IF_ERROR(visit(std::string_view(block).substr(at + kLengthBytes, length)));
      at += whole;
    }
    place += at;
  }
  return absl::OkStatus();
}

absl::Status SpillList::ForEachBackward(const Visit& visit) const {
  size_t want = kBlockBytes;
  for (uint64_t end = file_bytes_ + tail_.size(); end > 0;) {
    const size_t bytes = std::min<uint64_t>(end, want);
    DRAY_ASSIGN_OR_RETURN(const std::string block, Read(end - bytes, bytes));
    size_t left = block.size();
    while (left >= kLengthBytes) {
      const size_t length = LoadLength(block.data() + left - kLengthBytes);
      const size_t whole = length + 2 * kLengthBytes;
      want = std::max(kBlockBytes, whole);
      if (left < whole) break;
      left -= whole;
      DRAY_RETURN_IF_ERROR(visit(std::string_view(block).substr(left + kLengthBytes, length)));
    }
    end -= block.size() - left;
  }
  return absl::OkStatus();
}

absl::Status SpillQueue::Push(std::string record) {
  absl::MutexLock lock(&mu_);
  if (read_ == written_ && tail_.empty() && head_bytes_ < kMemoryBytes) {
    head_bytes_ += record.size();
    head_.push_back(std::move(record));
    return absl::OkStatus();
  }
  AppendLength(record.size(), &tail_);
  tail_.append(record);
  return tail_.size() < kBlockBytes ? absl::OkStatus() : FlushTail();
}

absl::Status SpillQueue::FlushTail() {
  if (!file_.valid()) {
    DRAY_ASSIGN_OR_RETURN(file_, OpenNamelessFile());
  }
  DRAY_RETURN_IF_ERROR(WithContext(WriteAt(file_.get(), written_, AsBytes(tail_)),
                                   "cannot write to a temporary file"));
  written_ += tail_.size();
  tail_.clear();
  return absl::OkStatus();
}

void SpillQueue::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
}

size_t SpillQueue::TakeRecords(std::string_view bytes) {
  size_t at = 0;
  while (bytes.size() - at >= kLengthBytes) {
    const size_t length = LoadLength(bytes.data() + at);
    if (bytes.size() - at < kLengthBytes + length) break;
    head_.emplace_back(bytes.substr(at + kLengthBytes, length));
    head_bytes_ += length;
    at += kLengthBytes + length;
  }
  return at;
}

absl::Status SpillQueue::FillHead() {
  if (read_ == written_) {
    TakeRecords(tail_);
    tail_.clear();
    return absl::OkStatus();
  }
  for (size_t want = kBlockBytes; head_.empty(); want *= 2) {
    std::string block(std::min<uint64_t>(want, written_ - read_), '\0');
    const MutableBytes room(reinterpret_cast<uint8_t*>(block.data()), block.size());
    DRAY_ASSIGN_OR_RETURN(const size_t read, ReadAt(file_.get(), read_, room));
    if (read != block.size()) return Truncated();
    const size_t taken = TakeRecords(block);
    read_ += taken;
    if (taken == 0 && read_ + block.size() == written_) return Truncated();
  }
  if (read_ == written_) {  // the file is used from its start again
    read_ = written_ = 0;
    if (::ftruncate(file_.get(), 0) != 0) return ErrnoStatus(errno, "cannot cut a temporary file");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> SpillQueue::Pop() {
  absl::MutexLock lock(&mu_);
  mu_.Await(absl::Condition(this, &SpillQueue::HasNews));
  if (head_.empty()) DRAY_RETURN_IF_ERROR(FillHead());
  if (head_.empty()) return std::optional<std::string>();
  std::optional<std::string> record = std::move(head_.front());
  head_.pop_front();
  head_bytes_ -= record->size();
  return record;
}

}  // namespace dray
