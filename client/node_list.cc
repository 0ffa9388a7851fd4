#include "client/node_list.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/call.h"
#include "client/file_writer.h"
#include "core/base/bytes.h"
#include "core/chunking/chunker.h"
#include "core/chunking/node.h"
#include "core/subchunk/prefix.h"

namespace dray {
namespace {

// docs/format/wire.md, "Nodes".
constexpr size_t kNodesAsked = 64;
constexpr size_t kBasesNamed = 64;
// Questions under way at once: far below the requests that a server grants.
constexpr size_t kMaxInFlight = 6;
constexpr size_t kNodeHeadBytes = 8;
constexpr size_t kMaxNodeBytes = kNodeHeadBytes + kMaxNodeEntries * (kDigestBytes + 8);

// A part of the file: a node whose entries are not known yet, a node that a source has, or a chunk.
struct Piece {
  AnyDigest id;
  uint64_t begin = 0;
  uint64_t length = 0;
  int level =
      0;  // of the node that it is or is an entry of; -1: the root, whose level is not known
  bool chunk = false;
  const LocalSource* source = nullptr;
};

// A node of a source that is named as a base.
struct NamedBase {
  const LocalChunks* chunks = nullptr;
  int level = 0;
  const LocalChunks::Node* node = nullptr;
};

class Walk {
 public:
  Walk(std::shared_ptr<Connection> connection, const RemoteFile& file,
       absl::Span<const LocalSource> sources)
      : connection_(std::move(connection)), file_(file), sources_(sources) {
    for (const LocalSource& source : sources_) {
      if (largest_ == nullptr || source.chunks->length_bytes() > largest_->chunks->length_bytes()) {
        largest_ = &source;
      }
    }
  }

  absl::Status Run() {
    pieces_ = {Known(
        {.id = file_.root.As<AnyTag>(), .begin = 0, .length = file_.size_bytes(), .level = -1})};
    for (int depth = 0; depth <= kMaxNodeLevel + 1; ++depth) {
      DRAY_ASSIGN_OR_RETURN(const bool more, Descend());
      if (!more) return absl::OkStatus();
    }
    return LossOf(file_, "the server's list of chunks is too deep");
  }
  // After Run().
  absl::Status Visit(
      const std::function<absl::Status(const ChunkId& id, uint64_t length)>& on_chunk) const {
    for (const Piece& piece : pieces_) {
      if (piece.chunk) {
        DRAY_RETURN_IF_ERROR(on_chunk(piece.id.As<ChunkTag>(), piece.length));
        continue;
      }
      for (const LocalChunks::Chunk& chunk : BeneathOf(piece)) {
        DRAY_RETURN_IF_ERROR(on_chunk(chunk.id, chunk.length_bytes));
      }
    }
    return absl::OkStatus();
  }

 private:
  struct Question {
    size_t first = 0;  // of unknown_
    size_t count = 0;
    std::vector<NamedBase> bases;
    std::unique_ptr<Call> call;
  };

  static absl::Span<const LocalChunks::Chunk> BeneathOf(const Piece& piece) {
    return piece.source->chunks->Beneath(piece.id.As<NodeTag>());
  }

  // With the source that has the node, if there is one.
  Piece Known(Piece piece) const {
    for (const LocalSource& source : sources_) {
      const auto beneath = source.chunks->Beneath(piece.id.As<NodeTag>());
      if (beneath.empty()) continue;
      piece.source = &source;
      break;
    }
    return piece;
  }

  // Replaces the nodes that are not known by their entries; false when there are none.
  absl::StatusOr<bool> Descend() {
    unknown_.clear();
    for (size_t i = 0; i < pieces_.size(); ++i) {
      if (!pieces_[i].chunk && pieces_[i].source == nullptr) unknown_.push_back(i);
    }
    if (unknown_.empty()) return false;
    std::vector<Node> nodes;
    nodes.reserve(unknown_.size());
    std::deque<Question> questions;
    for (size_t asked = 0; asked < unknown_.size() || !questions.empty();) {
      if (asked < unknown_.size() && questions.size() < kMaxInFlight) {
        DRAY_ASSIGN_OR_RETURN(Question question, Ask(asked));
        asked += question.count;
        questions.push_back(std::move(question));
        continue;
      }
      DRAY_RETURN_IF_ERROR(Receive(questions.front(), &nodes));
      questions.pop_front();
    }
    return Replace(nodes);
  }

  absl::StatusOr<bool> Replace(const std::vector<Node>& nodes) {
    std::vector<Piece> pieces;
    size_t next = 0;
    for (size_t i = 0; i < pieces_.size(); ++i) {
      if (next == unknown_.size() || unknown_[next] != i) {
        pieces.push_back(pieces_[i]);
        continue;
      }
      const Node& node = nodes[next++];
      uint64_t begin = pieces_[i].begin;
      for (const Entry& entry : node.entries) {
        Piece piece = {.id = entry.id,
                       .begin = begin,
                       .length = entry.length_bytes,
                       .level = node.level - 1,
                       .chunk = node.level == 0};
        begin += entry.length_bytes;
        pieces.push_back(piece.chunk ? piece : Known(piece));
      }
    }
    // Also a server that lies has no more than its lengths allow: docs/format/tree.md.
    if (pieces.size() > 2 * (file_.size_bytes() / kMinChunkBytes + kMaxNodeEntries)) {
      return LossOf(file_, "a list of chunks with impossible lengths");
    }
    pieces_ = std::move(pieces);
    return true;
  }

  absl::StatusOr<Question> Ask(size_t first) {
    Question question = {.first = first, .count = std::min(kNodesAsked, unknown_.size() - first)};
    wire::v1::GetNodes message;
    for (size_t i = first; i < first + question.count; ++i) {
      message.mutable_node_ids()->append(pieces_[unknown_[i]].id.view());
      NameBases(unknown_[i], &question.bases);
    }
    for (const NamedBase& base : question.bases) {
      message.mutable_base_ids()->append(base.node->id.view());
    }
    DRAY_ASSIGN_OR_RETURN(
        question.call, Call::Start(connection_, FrameType::kGetNodes, message, FrameType::kNodes));
    return question;
  }

  // Nodes that lie where the piece's counterpart is expected: what precedes it tells how far that
  // was moved.
  void NameBases(size_t index, std::vector<NamedBase>* bases) const {
    const Piece& piece = pieces_[index];
    const LocalSource* source = largest_;
    int64_t shift = 0;
    if (index > 0 && pieces_[index - 1].source != nullptr) {
      source = pieces_[index - 1].source;
      shift = static_cast<int64_t>(BeneathOf(pieces_[index - 1]).back().end()) -
              static_cast<int64_t>(piece.begin);
    } else if (index + 1 < pieces_.size() && pieces_[index + 1].source != nullptr) {
      source = pieces_[index + 1].source;
      shift = static_cast<int64_t>(BeneathOf(pieces_[index + 1]).front().begin) -
              static_cast<int64_t>(pieces_[index + 1].begin);
    }
    if (source == nullptr) return;
    const LocalChunks& chunks = *source->chunks;
    const int level = piece.level < 0 ? chunks.levels() - 1 : piece.level;
    const int64_t begin = std::max<int64_t>(0, static_cast<int64_t>(piece.begin) + shift);
    const auto end = static_cast<uint64_t>(begin) + piece.length;
    for (const LocalChunks::Node& node : chunks.NodesAt(level, static_cast<uint64_t>(begin), end)) {
      if (bases->size() == kBasesNamed) return;
      if (!bases->empty() && bases->back().node == &node) continue;
      bases->push_back({&chunks, level, &node});
    }
  }

  absl::Status Receive(const Question& question, std::vector<Node>* nodes) {
    wire::v1::Nodes answer;
    DRAY_RETURN_IF_ERROR(question.call->Receive(&answer));
    DRAY_ASSIGN_OR_RETURN(const std::string encodings, Expand(question, std::move(answer)));
    Bytes rest = AsBytes(encodings);
    for (size_t i = question.first; i < question.first + question.count; ++i) {
      DRAY_ASSIGN_OR_RETURN(nodes->emplace_back(), TakeNode(pieces_[unknown_[i]], &rest));
    }
    if (!rest.empty()) return LossOf(file_, "the server sent more nodes than were asked for");
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> Expand(const Question& question, wire::v1::Nodes answer) const {
    if (answer.raw_bytes() == 0) return std::move(*answer.mutable_encodings());
    if (answer.raw_bytes() > question.count * kMaxNodeBytes) {
      return LossOf(file_, "the server's nodes are too long");
    }
    std::string prefix;
    for (const uint32_t index : answer.bases()) {
      if (index >= question.bases.size() || prefix.size() > kMaxPrefixBytes) {
        return LossOf(file_, "the server's nodes stand on what was not named");
      }
      const NamedBase& base = question.bases[index];
      prefix += base.chunks->EncodingOf(base.level, *base.node);
    }
    if (prefix.size() > kMaxPrefixBytes) return LossOf(file_, "the server's nodes are too long");
    std::string encodings(answer.raw_bytes(), '\0');
    const absl::Status expanded =
        ExpandWithPrefix(AsBytes(answer.encodings()), AsBytes(prefix),
                         {reinterpret_cast<uint8_t*>(encodings.data()), encodings.size()});
    if (!expanded.ok()) return LossOf(file_, expanded.message());
    return encodings;
  }

  absl::StatusOr<Node> TakeNode(const Piece& piece, Bytes* rest) const {
    if (rest->size() < kNodeHeadBytes) return LossOf(file_, "the server sent too few nodes");
    const size_t count = LoadBigEndian<uint16_t>(rest->data() + 6);
    const size_t entry_bytes = kDigestBytes + ((*rest)[5] == 0 ? 4 : 8);
    const size_t bytes = kNodeHeadBytes + count * entry_bytes;
    if (bytes > rest->size()) return LossOf(file_, "the server sent half a node");
    const Bytes encoding = rest->first(bytes);
    rest->remove_prefix(bytes);
    if (IdOfNode(encoding).As<AnyTag>() != piece.id) {
      return LossOf(file_, "the server's list of chunks is not that of the version that it named");
    }
    absl::StatusOr<Node> node = DecodeNode(encoding);
    if (!node.ok()) return LossOf(file_, node.status().message());
    if (node->length_bytes() != piece.length || (piece.level >= 0 && node->level != piece.level)) {
      return LossOf(file_, "the server's sizes do not add up");
    }
    return node;
  }

  const std::shared_ptr<Connection> connection_;
  const RemoteFile& file_;
  const absl::Span<const LocalSource> sources_;
  const LocalSource* largest_ = nullptr;
  std::vector<Piece> pieces_;
  std::vector<size_t> unknown_;  // of pieces_
};

}  // namespace

absl::Status VisitRemoteChunks(
    const std::shared_ptr<Connection>& connection, const RemoteFile& file,
    absl::Span<const LocalSource> sources,
    const std::function<absl::Status(const ChunkId& id, uint64_t length_bytes)>& on_chunk) {
  Walk walk(connection, file, sources);
  DRAY_RETURN_IF_ERROR(walk.Run());
  return walk.Visit(on_chunk);
}

}  // namespace dray
