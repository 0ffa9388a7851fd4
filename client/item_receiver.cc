#include "client/item_receiver.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/base/bytes.h"
#include "core/chunking/chunker.h"
#include "core/chunking/node.h"
#include "core/chunking/sha256.h"
#include "core/subchunk/prefix.h"

namespace dray {
absl::StatusOr<std::unique_ptr<ItemReceiver>> ItemReceiver::Make(
    const SmallGet& file, const wire::v1::GetItems::Item& item, Tracker* tracker) {
  std::unique_ptr<ItemReceiver> receiver(new ItemReceiver(file, tracker));
  const RemoteFile& remote = file.remote;
  if (item.version().root() != remote.version.root()) {
    return LossOf(remote, "the server answers with another version than was asked for");
  }
  uint64_t coming = remote.size_bytes();
  if (!item.entries().empty()) {
    DRAY_RETURN_IF_ERROR(receiver->TakeEntries(item));
    for (const Expected& expected : receiver->expected_) {
      if (expected.old_index) coming -= expected.chunk.length_bytes;
    }
  }
  if (item.same() || item.data_bytes() != coming) {
    return LossOf(remote, "the server's sizes do not add up");
  }
  receiver->left_bytes_ = coming;
  return receiver;
}

absl::Status ItemReceiver::TakeEntries(const wire::v1::GetItems::Item& item) {
  const Bytes entries = AsBytes(item.entries());
  if (old_copy_.chunks().empty() || entries.size() % kLeafEntryBytes != 0) {
    return LossOf(file_, "the server tells a list of chunks that was not asked for, or is none");
  }
  absl::flat_hash_map<ChunkId, size_t> old;
  for (size_t i = 0; i < old_copy_.chunks().size(); ++i)
    old.try_emplace(old_copy_.chunks()[i].id, i);
  by_entries_ = true;
  TreeBuilder tree({});
  uint64_t bytes = 0;
  for (size_t at = 0; at < entries.size(); at += kLeafEntryBytes) {
    const auto id = ChunkId::Load(entries.data() + at);
    const auto length = LoadBigEndian<uint32_t>(entries.data() + at + kDigestBytes);
    bytes += length;
    if (length == 0 || length > kMaxChunkBytes || bytes > file_.size_bytes()) break;
    tree.Add(id, length);
    Expected& expected = expected_.emplace_back();
    expected.chunk = {id, length};
    const auto found = old.find(id);
    if (found == old.end()) continue;
    expected.old_index = found->second;
    if (old_copy_.chunks()[found->second].length_bytes != length) break;
  }
  if (bytes != file_.size_bytes() || tree.Finish() != file_.root) {
    return LossOf(file_, "the server's list of chunks is not that of the version that it names");
  }
  return absl::OkStatus();
}

void ItemReceiver::Open() {
  writer_ = std::make_unique<FileWriter>(file_, tracker_);
  if (absl::Status opened = writer_->Open(); !opened.ok()) return Fail(opened);
  if (!OldChunksAreThere()) return Spoil();
  AddOldChunks();
}

bool ItemReceiver::OldChunksAreThere() {
  std::vector<Bytes> messages;
  std::vector<ChunkId> wanted;
  for (const Expected& expected : expected_) {
    if (!expected.old_index) continue;
    messages.push_back(old_copy_.Read(*expected.old_index, 1));
    wanted.push_back(expected.chunk.id);
  }
  std::vector<ChunkId> ids(messages.size());
  HashChunks(messages, absl::MakeSpan(ids));
  return ids == wanted;
}

void ItemReceiver::AddOldChunks() {
  for (; next_ < expected_.size() && expected_[next_].old_index; ++next_) {
    const Expected& expected = expected_[next_];
    const Bytes raw = old_copy_.Read(*expected.old_index, 1);
    if (absl::Status added = writer_->AddLocal(expected.chunk.id, raw); !added.ok()) {
      return Fail(added);
    }
  }
}

absl::Status ItemReceiver::CheckExpected(const Download::VerifiedChunk& chunk) const {
  if (!by_entries_) {
    if (chunk.delta != nullptr) {
      return LossOf(file_, "the server sent a delta for a chunk without a base");
    }
    return chunk.raw.size() <= left_bytes_ ? absl::OkStatus()
                                           : LossOf(file_, "the server sent more than it said");
  }
  const ChunkEntry& expected = expected_[next_].chunk;
  if (chunk.delta != nullptr) return absl::OkStatus();
  if (chunk.id == expected.id && chunk.raw.size() == expected.length_bytes) return absl::OkStatus();
  return LossOf(file_, "the server sent a chunk that was not asked for");
}

absl::Status ItemReceiver::Add(const Download::VerifiedChunk& chunk) {
  // Where the file was let go, the old chunks still have to be passed by.
  while (by_entries_ && expected_[next_].old_index) ++next_;
  DRAY_RETURN_IF_ERROR(CheckExpected(chunk));
  ChunkEntry entry = {chunk.id, static_cast<uint32_t>(chunk.raw.size())};
  if (by_entries_) entry = expected_[next_++].chunk;
  left_bytes_ -= entry.length_bytes;
  if (writer_ == nullptr) return absl::OkStatus();
  const Bytes raw = chunk.delta == nullptr ? chunk.raw : Rebuild(*chunk.delta, entry);
  if (raw.empty()) {
    Spoil();
    return absl::OkStatus();
  }
  if (absl::Status added = writer_->Add({.id = entry.id, .raw = raw}); !added.ok()) {
    Fail(added);
    return absl::OkStatus();
  }
  AddOldChunks();
  return absl::OkStatus();
}

Bytes ItemReceiver::Rebuild(const wire::v1::GetDelta& delta, const ChunkEntry& chunk) {
  const Bytes base = old_copy_.Read(delta.base_first(), delta.base_count());
  if (base.empty() || base.size() > kMaxPrefixBytes) return {};
  made_.resize(chunk.length_bytes);
  if (!ExpandWithPrefix(AsBytes(delta.delta()), base, absl::MakeSpan(made_)).ok()) return {};
  const Bytes raw = made_;
  ChunkId id;
  HashChunks({&raw, 1}, {&id, 1});
  return id == chunk.id ? raw : Bytes();
}

absl::Status ItemReceiver::Seal(const GetOptions& options) {
  return writer_ == nullptr ? failure_ : writer_->Seal(options);
}

void ItemReceiver::Fail(const absl::Status& status) {
  failure_ = status;
  writer_.reset();
}

void ItemReceiver::Spoil() {
  spoilt_ = true;
  writer_.reset();
}

}  // namespace dray
