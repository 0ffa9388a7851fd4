#include "client/testing/fake_server_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "client/names.h"
#include "core/chunking/chunker.h"
#include "core/chunking/leaf_entry.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"
#include "core/subchunk/prefix.h"
#include "core/subchunk/signature.h"

namespace dray::testing {
namespace {

constexpr size_t kEntriesInAFrame = 100;
constexpr int kVersionsInAFrame = 50;

bool ReadExactly(int fd, void* out, size_t count) {
  auto* at = static_cast<char*>(out);
  while (count > 0) {
    const ssize_t n = ::recv(fd, at, count, 0);
    if (n <= 0) return false;
    at += n;
    count -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

void FakeServer::Session::Run() {
  uint8_t preface[8];
  if (!ReadExactly(fd_, preface, sizeof(preface))) return;
  Raw(std::string(reinterpret_cast<const char*>(kPreface.data()), kPreface.size()));
  while (ReadFrame() && Handle()) {
  }
  // What is still unread would turn the close into a reset, which may overtake the last answer.
  ::shutdown(fd_, SHUT_WR);
  char rest[4096];
  while (::recv(fd_, rest, sizeof(rest), 0) > 0) {
  }
}

bool FakeServer::Session::ReadFrame() {
  uint8_t head[kFrameHeaderBytes];
  if (!ReadExactly(fd_, head, sizeof(head))) return false;
  const auto header = DecodeFrameHeader(head, kMaxFramePayloadBytes);
  if (!header.ok()) return false;
  header_ = *header;
  frame_.assign(reinterpret_cast<const char*>(head), sizeof(head));
  frame_.resize(sizeof(head) + header_.payload_bytes);
  return ReadExactly(fd_, frame_.data() + sizeof(head), header_.payload_bytes);
}

bool FakeServer::Session::Serve() {
  switch (header_.type) {
    case FrameType::kHello: {
      wire::v1::Welcome welcome;
      welcome.set_software("fake");
      welcome.set_features(server_.script_.features & Parse<wire::v1::Hello>().features());
      Answer(FrameType::kWelcome, welcome);
      return true;
    }
    case FrameType::kPutOpen: {
      const auto open = Parse<wire::v1::PutOpen>();
      server_.operation_ids_.push_back(open.operation_id());
      upload_ = header_.request;
      path_ = open.path();
      ordinals_ = stored_bytes_ = next_wanted_ = 0;
      wanted_.clear();
      new_nodes_.clear();
      const auto* newest = server_.Newest(path_);
      if (open.has_replaces() && open.replaces().absent() && newest != nullptr) {
        Fail(absl::StatusCode::kFailedPrecondition, "it is there");
      }
      return true;
    }
    case FrameType::kPutOffer:
      PutOffer();
      return true;
    case FrameType::kPutNode:
      PutNode();
      return true;
    case FrameType::kPutCommit:
      PutCommit();
      return true;
    case FrameType::kPutBatch:
      return PutBatch();
    case FrameType::kGet:
      return Get();
    case FrameType::kGetEntries:
      GetEntries();
      return true;
    case FrameType::kGetNodes:
      GetNodes();
      return true;
    case FrameType::kGetRoots:
      GetRoots();
      return true;
    case FrameType::kList:
      List();
      return true;
    case FrameType::kHistory:
      History();
      return true;
    case FrameType::kStat:
      Stat();
      return true;
    case FrameType::kMove:
      Move();
      return true;
    case FrameType::kDelete:
      Delete();
      return true;
    case FrameType::kStatus: {
      wire::v1::StatusReply reply;
      reply.set_software("fake");
      auto* part = reply.add_parts();
      part->set_name("delta");
      part->set_healthy(true);
      Answer(FrameType::kStatusReply, reply);
      return true;
    }
    default:
      return true;
  }
}

void FakeServer::Session::PutOffer() {
  const auto offer = Parse<wire::v1::PutOffer>();
  wire::v1::PutKnown known;
  for (size_t at = 0; at + kDigestBytes <= offer.node_ids().size(); at += kDigestBytes) {
    const auto id = *NodeId::FromBytes(std::string_view(offer.node_ids()).substr(at, kDigestBytes));
    if (!server_.nodes_.contains(id) && !new_nodes_.contains(id)) known.add_unknown(ordinals_);
    ++ordinals_;
  }
  known.set_answered(ordinals_);
  Answer(FrameType::kPutKnown, known);
}

void FakeServer::Session::PutNode() {
  const auto message = Parse<wire::v1::PutNode>();
  const auto node = DecodeNode(AsBytes(message.encoding()));
  if (!node.ok()) return Fail(absl::StatusCode::kInvalidArgument, node.status().ToString());
  new_nodes_[IdOfNode(AsBytes(message.encoding()))] = *node;
  wire::v1::PutWanted wanted;
  wanted.set_ordinal(message.ordinal());
  for (uint32_t i = 0; node->level == 0 && i < node->entries.size(); ++i) {
    const ChunkId id = node->entries[i].chunk();
    if (server_.chunks_.contains(id)) continue;
    if (std::find(wanted_.begin(), wanted_.end(), id) != wanted_.end()) continue;
    wanted.add_missing(i);
    wanted_.push_back(id);
  }
  Answer(FrameType::kPutWanted, wanted);
}

std::optional<std::pair<ChunkId, std::string>> FakeServer::Session::CheckedChunk() {
  const auto frame = ParseDataFrame(AsBytes(frame_));
  if (!frame.ok()) return std::nullopt;
  std::string scratch(kMaxChunkBytes, '\0');
  const auto raw = RawChunk(*frame, {reinterpret_cast<uint8_t*>(scratch.data()), scratch.size()});
  if (!raw.ok() || Sha256(*raw).As<ChunkTag>() != frame->id) return std::nullopt;
  return std::pair(frame->id, std::string(AsText(*raw)));
}

bool FakeServer::Session::TakeData() {
  auto chunk = CheckedChunk();
  header_.request = upload_;
  absl::MutexLock lock(&server_.mu_);
  if (server_.script_.refuse_data_frames > 0) {
    --server_.script_.refuse_data_frames;
    Fail(absl::StatusCode::kAborted, "told to");
    return false;
  }
  if (!chunk) {
    Fail(absl::StatusCode::kAborted, "a chunk is not what its id says");
    return false;
  }
  if (next_wanted_ >= wanted_.size() || wanted_[next_wanted_] != chunk->first) {
    Fail(absl::StatusCode::kInvalidArgument, "a chunk out of order");
    return false;
  }
  ++next_wanted_;
  server_.chunks_[chunk->first] = std::move(chunk->second);
  stored_bytes_ += frame_.size();
  wire::v1::PutStored stored;
  stored.set_bytes(stored_bytes_);
  Answer(FrameType::kPutStored, stored);
  return true;
}

void FakeServer::Session::PutCommit() {
  const auto commit = Parse<wire::v1::PutCommit>();
  const auto root = NodeId::FromBytes(commit.root());
  if (next_wanted_ == wanted_.size()) server_.nodes_.merge(new_nodes_);
  if (!root || !server_.nodes_.contains(*root)) {
    return Fail(absl::StatusCode::kFailedPrecondition, "a commit of what is not there");
  }
  wire::v1::PutDone done;
  bool unchanged = false;
  *done.mutable_version() = server_.Commit(path_, commit.metadata(), commit.root(), &unchanged);
  done.set_unchanged(unchanged);
  Answer(FrameType::kPutDone, done);
}

bool FakeServer::Session::PutBatch() {
  const auto batch = Parse<wire::v1::PutBatch>();
  const uint16_t request = header_.request;
  server_.operation_ids_.push_back(batch.operation_id());
  for (uint32_t i = 0; i < batch.data_frames(); ++i) {
    if (!ReadFrame() || header_.type != FrameType::kData) return false;
    auto chunk = CheckedChunk();
    if (!chunk) return false;
    server_.chunks_[chunk->first] = std::move(chunk->second);
  }
  header_.request = request;
  wire::v1::PutBatchDone done;
  for (const wire::v1::BatchItem& item : batch.items()) {
    auto* answer = done.add_answers();
    if (item.metadata().kind() == wire::v1::DELETED) {
      DeleteInBatch(item, answer);
      continue;
    }
    TreeBuilder builder([&](TreeBuilder::FinishedNode node) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      server_.nodes_[node.id] = node.node;
    });
    for (int i = 0; i < item.chunks_size(); ++i) {
      const auto id = *ChunkId::FromBytes(item.chunks(i).id());
      if (!server_.chunks_.contains(id)) answer->add_missing(static_cast<uint32_t>(i));
      builder.Add(id, item.chunks(i).length());
    }
    if (answer->missing_size() > 0) continue;
    if (item.replaces().absent() && server_.Newest(item.path()) != nullptr) {
      answer->mutable_error()->set_code(static_cast<int>(absl::StatusCode::kFailedPrecondition));
      answer->mutable_error()->set_message("it is there");
      continue;
    }
    const bool file = item.metadata().kind() == wire::v1::FILE;
    bool unchanged = false;
    const std::string root = file ? std::string(builder.Finish().view()) : "";
    answer->set_version(server_.Commit(item.path(), item.metadata(), root, &unchanged).number());
    answer->set_unchanged(unchanged);
  }
  Answer(FrameType::kPutBatchDone, done);
  return true;
}

void FakeServer::Session::DeleteInBatch(const wire::v1::BatchItem& item,
                                        wire::v1::PutBatchDone::Answer* answer) {
  const auto fail = [answer](absl::StatusCode code, const std::string& why) {
    answer->mutable_error()->set_code(static_cast<int>(code));
    answer->mutable_error()->set_message(why);
  };
  if ((server_.script_.features & wire::v1::BATCH_DELETES) == 0) {
    return fail(absl::StatusCode::kInvalidArgument, "a deletion in a batch");
  }
  if (server_.script_.undeletable == item.path()) {
    return fail(absl::StatusCode::kFailedPrecondition, "told to");
  }
  if (server_.Newest(item.path()) == nullptr) {
    return fail(absl::StatusCode::kNotFound, "there is no such path");
  }
  bool unchanged = false;
  answer->set_version(server_.Commit(item.path(), item.metadata(), "", &unchanged).number());
}

bool FakeServer::Session::Get() {
  const auto get = Parse<wire::v1::Get>();
  wire::v1::GetItems items;
  std::vector<std::vector<Chunk>> all;  // of each item
  for (const auto& asked : get.items()) {
    std::vector<Chunk>& chunks = all.emplace_back();
    auto* item = items.add_items();
    const auto* version = server_.Newest(asked.version().path());
    if (version == nullptr || version->metadata().kind() != wire::v1::FILE) {
      item->mutable_error()->set_code(static_cast<int>(absl::StatusCode::kNotFound));
      item->mutable_error()->set_message("there is no such file");
      continue;
    }
    if (get.brief()) {
      item->mutable_version()->set_root(version->root());
    } else {
      *item->mutable_version() = *version;
    }
    uint64_t offset = 0;
    for (const Chunk& chunk : server_.ChunksOf(version->root())) {
      const uint64_t end = offset + chunk.length;
      const bool wanted =
          asked.ranges().empty() ||
          std::any_of(asked.ranges().begin(), asked.ranges().end(),
                      [&](const wire::v1::ByteRange& range) {
                        return range.offset() < end && offset < range.offset() + range.length();
                      });
      if (wanted) {
        chunks.push_back(chunk);
        item->set_data_bytes(item->data_bytes() + chunk.length);
      }
      offset = end;
    }
    if (!asked.old_chunk_ids().empty()) UseOldChunks(asked.old_chunk_ids(), &chunks, item);
    for (int i = 0; i < asked.bases_size(); ++i) {
      const wire::v1::GetBase& base = asked.bases(i);
      if (base.chunk_ids().empty() || BaseOf(base)) continue;
      item->add_unknown_bases(static_cast<uint32_t>(i));
    }
    if (server_.script_.wrong_data_bytes) item->set_data_bytes(item->data_bytes() + 1);
  }
  Answer(FrameType::kGetItems, items);
  if (server_.script_.extra_data && !all.empty() && !all.back().empty()) {
    all.back().push_back(all.back().back());
  }
  for (size_t i = 0; i < all.size(); ++i) {
    if (!SendChunks(all[i], get.items(static_cast<int>(i)))) return false;
  }
  Answer(FrameType::kGetEnd, wire::v1::GetEnd());
  return true;
}

void FakeServer::Session::UseOldChunks(const std::string& old_chunk_ids, std::vector<Chunk>* chunks,
                                       wire::v1::GetItems::Item* item) {
  wire::v1::GetBase base;
  base.set_chunk_ids(old_chunk_ids);
  if (!BaseOf(base)) return;
  std::vector<Chunk> sent;
  item->set_data_bytes(0);
  for (const Chunk& chunk : *chunks) {
    AppendLeafEntry(chunk.id.view(), chunk.length, item->mutable_entries());
    bool old = false;
    for (size_t at = 0; at < old_chunk_ids.size(); at += kDigestBytes) {
      old |= old_chunk_ids.compare(at, kDigestBytes, chunk.id.view()) == 0;
    }
    if (old) continue;
    sent.push_back(chunk);
    item->set_data_bytes(item->data_bytes() + chunk.length);
  }
  *chunks = std::move(sent);
}

std::optional<std::string> FakeServer::Session::BaseOf(const wire::v1::GetBase& base) {
  std::string bytes;
  for (size_t at = 0; at < base.chunk_ids().size(); at += kDigestBytes) {
    const auto found = server_.chunks_.find(ChunkId::Load(AsBytes(base.chunk_ids()).data() + at));
    if (found == server_.chunks_.end()) return std::nullopt;
    bytes += found->second;
  }
  return bytes;
}

std::optional<wire::v1::GetDelta> FakeServer::Session::DeltaFor(const wire::v1::GetBase& base,
                                                                const std::string& raw) {
  std::string out(raw.size(), '\0');
  const MutableBytes room(reinterpret_cast<uint8_t*>(out.data()), out.size());
  if (base.chunk_ids().empty()) {
    const auto signature = BlockSignature::Load(base.block_bytes(), AsBytes(base.hashes()));
    out.resize(signature.ok() ? signature->MakeDelta(AsBytes(raw), room).value_or(0) : 0);
  } else {
    out.resize(CompressWithPrefix(AsBytes(raw), AsBytes(*BaseOf(base)), 3, room));
  }
  if (out.empty()) return std::nullopt;
  wire::v1::GetDelta delta;
  delta.set_delta(std::move(out));
  return delta;
}

bool FakeServer::Session::SendChunks(const std::vector<Chunk>& chunks,
                                     const wire::v1::Get::Item& asked) {
  wire::v1::GetBase old_copy;
  old_copy.set_chunk_ids(asked.old_chunk_ids());
  for (size_t i = 0; i < chunks.size(); ++i) {
    std::string raw = server_.chunks_[chunks[i].id];
    ChunkId id = chunks[i].id;
    const auto is_for = [i](const wire::v1::GetBase& base) {
      return base.first() <= i && i < base.first() + base.count();
    };
    if (!asked.old_chunk_ids().empty() && BaseOf(old_copy)) {
      if (auto delta = DeltaFor(old_copy, raw)) {
        delta->set_base_count(static_cast<uint32_t>(asked.old_chunk_ids().size() / kDigestBytes));
        Answer(FrameType::kGetDelta, *delta);
        if (server_.script_.close_after_data_frames == ++server_.data_frames_sent_) return false;
        continue;
      }
    }
    const auto& bases = asked.bases();
    const auto base = std::find_if(bases.begin(), bases.end(), is_for);
    if (base != bases.end()) {
      if (!base->chunk_ids().empty() && !BaseOf(*base)) continue;
      if (const auto delta = DeltaFor(*base, raw)) {
        Answer(FrameType::kGetDelta, *delta);
        continue;
      }
    }
    if (server_.script_.corrupt_data) raw[0] = static_cast<char>(raw[0] ^ 1);
    if (server_.script_.mislabel_data) id.data()[0] ^= 1;
    const DataFrame frame = encoder_.Encode(id, AsBytes(raw));
    uint8_t head[kDataFrameOverheadBytes];
    WriteDataFrameHead(frame, head);
    SendFrame(FrameType::kData, std::string(AsText(head)) + std::string(AsText(frame.body)));
    if (server_.script_.close_after_data_frames == ++server_.data_frames_sent_) return false;
  }
  return true;
}

void FakeServer::Session::GetNodes() {
  const auto question = Parse<wire::v1::GetNodes>();
  const auto encodings = [&](const std::string& ids,
                             wire::v1::Nodes* bases) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    std::string all;
    for (size_t at = 0; at < ids.size(); at += kDigestBytes) {
      const auto found = server_.nodes_.find(NodeId::Load(AsBytes(ids).data() + at));
      if (found == server_.nodes_.end()) continue;
      all += EncodeNode(found->second);
      if (bases != nullptr) {
        bases->add_bases(static_cast<uint32_t>(at / kDigestBytes));
      }
    }
    return all;
  };
  wire::v1::Nodes nodes;
  const std::string raw = encodings(question.node_ids(), nullptr);
  const std::string prefix = encodings(question.base_ids(), &nodes);
  std::string packed(raw.size(), '\0');
  packed.resize(CompressWithPrefix(AsBytes(raw), AsBytes(prefix), 3,
                                   {reinterpret_cast<uint8_t*>(packed.data()), packed.size()}));
  nodes.set_raw_bytes(packed.empty() ? 0 : static_cast<uint32_t>(raw.size()));
  nodes.set_encodings(packed.empty() ? raw : packed);
  if (packed.empty()) nodes.clear_bases();
  Answer(FrameType::kNodes, nodes);
}

void FakeServer::Session::GetEntries() {
  const auto question = Parse<wire::v1::GetEntries>();
  const auto* version = server_.Newest(question.version().path());
  if (version == nullptr) return Fail(absl::StatusCode::kNotFound, "there is no such file");
  wire::v1::Entries entries;
  *entries.mutable_version() = *version;
  size_t count = 0;
  for (const Chunk& chunk : server_.ChunksOf(version->root())) {
    AppendLeafEntry(chunk.id.view(), chunk.length, entries.mutable_entries());
    if (++count % kEntriesInAFrame != 0) continue;
    Answer(FrameType::kEntries, entries);
    entries.Clear();
  }
  entries.set_last(true);
  Answer(FrameType::kEntries, entries);
}

void FakeServer::Session::GetRoots() {
  const auto question = Parse<wire::v1::GetRoots>();
  wire::v1::Roots roots;
  for (const wire::v1::VersionRef& asked : question.versions()) {
    const auto* version = server_.Newest(asked.path());
    const bool there = version != nullptr && version->number() == asked.number() &&
                       version->metadata().kind() == wire::v1::FILE;
    roots.mutable_roots()->append(there ? version->root() : std::string(kDigestBytes, '\0'));
  }
  Answer(FrameType::kRoots, roots);
}

void FakeServer::Session::AnswerVersions(const std::vector<wire::v1::Version>& versions) {
  wire::v1::Versions answer;
  for (const wire::v1::Version& version : versions) {
    *answer.add_versions() = version;
    if (answer.versions_size() < kVersionsInAFrame) continue;
    Answer(FrameType::kVersions, answer);
    answer.Clear();
  }
  answer.set_last(true);
  Answer(FrameType::kVersions, answer);
}

void FakeServer::Session::List() {
  const auto question = Parse<wire::v1::List>();
  if (server_.script_.listing) return AnswerVersions(*server_.script_.listing);
  const std::string prefix = question.path().empty() ? "" : question.path() + "/";
  std::vector<wire::v1::Version> found;
  for (const auto& [path, versions] : server_.versions_) {
    if (path.compare(0, prefix.size(), prefix) != 0 || server_.Newest(path) == nullptr) continue;
    if (!question.recursive() && path.find('/', prefix.size()) != std::string::npos) continue;
    found.push_back(versions.back());
    if (question.brief() && !question.roots()) found.back().clear_root();
  }
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return ListedBefore(a.path(), b.path()); });
  AnswerVersions(found);
}

void FakeServer::Session::History() {
  const auto found = server_.versions_.find(Parse<wire::v1::History>().path());
  if (found == server_.versions_.end()) {
    return Fail(absl::StatusCode::kNotFound, "there is no such path");
  }
  AnswerVersions(found->second);
}

void FakeServer::Session::Stat() {
  const auto question = Parse<wire::v1::Stat>();
  const auto* version = server_.Newest(question.version().path());
  if (version == nullptr) {
    return Fail(absl::StatusCode::kNotFound, question.version().path() + " does not exist");
  }
  wire::v1::Changed changed;
  *changed.mutable_version() = *version;
  Answer(FrameType::kChanged, changed);
}

void FakeServer::Session::Move() {
  const auto question = Parse<wire::v1::Move>();
  const auto* version = server_.Newest(question.from());
  if (version == nullptr) return Fail(absl::StatusCode::kNotFound, "there is no such path");
  if (server_.Newest(question.to()) != nullptr) {
    return Fail(absl::StatusCode::kAlreadyExists, "the target exists");
  }
  wire::v1::Changed changed;
  bool unchanged = false;
  const wire::v1::Version old = *version;
  *changed.mutable_version() =
      server_.Commit(question.to(), old.metadata(), old.root(), &unchanged);
  server_.versions_.erase(question.from());
  changed.set_entries(1);
  Answer(FrameType::kChanged, changed);
}

void FakeServer::Session::Delete() {
  const auto question = Parse<wire::v1::Delete>();
  if (server_.Newest(question.path()) == nullptr) {
    return Fail(absl::StatusCode::kNotFound, "there is no such path");
  }
  wire::v1::Metadata gone;
  gone.set_kind(wire::v1::DELETED);
  bool unchanged = false;
  wire::v1::Changed changed;
  *changed.mutable_version() = server_.Commit(question.path(), gone, "", &unchanged);
  changed.set_entries(1);
  Answer(FrameType::kChanged, changed);
}

}  // namespace dray::testing
