#include "core/chunking/node.h"

#include <cassert>
#include <cstring>

#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"

namespace dray {
namespace {

// docs/format/tree.md, "Nodes".
constexpr uint8_t kMagicAndFormat[4] = {'d', 'r', 'n', 1};
constexpr uint8_t kEndMask = 0x3F;
constexpr uint64_t kMaxLengthBytes = (uint64_t{1} << 63) - 1;

size_t EntryBytes(int level) { return level == 0 ? kLeafEntryBytes : kNodeEntryBytes; }

absl::Status Refused(absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("not a canonical node: ", why));
}

struct Header {
  int level = 0;
  size_t count = 0;
};

absl::StatusOr<Header> DecodeHeader(Bytes encoding) {
  if (encoding.size() < kNodeHeadBytes) {
    return Refused(absl::StrCat(encoding.size(), " bytes are too few for the header"));
  }
  if (std::memcmp(encoding.data(), kMagicAndFormat, sizeof(kMagicAndFormat)) != 0) {
    return Refused("it does not start with \"drn\" and format 1");
  }
  if (encoding[4] != kChunkerId) {
    return Refused(absl::StrCat("chunker ", encoding[4], " is unknown"));
  }
  const Header header{encoding[5], LoadBigEndian<uint16_t>(&encoding[6])};
  if (header.level > kMaxNodeLevel) {
    return Refused(absl::StrCat("level ", header.level, " is above ", kMaxNodeLevel));
  }
  if (header.count > kMaxNodeEntries) {
    return Refused(absl::StrCat(header.count, " entries are more than ", kMaxNodeEntries));
  }
  if (header.count == 0 && header.level != 0) {
    return Refused(absl::StrCat("it is at level ", header.level, " and has no entries"));
  }
  const size_t size = kNodeHeadBytes + header.count * EntryBytes(header.level);
  if (encoding.size() != size) {
    return Refused(
        absl::StrCat(header.count, " entries take ", size, " bytes, not ", encoding.size()));
  }
  return header;
}

absl::Status CheckLength(uint64_t length, int level, uint64_t before) {
  if (length == 0) return Refused("an entry's length is 0");
  if (level == 0 && length > kMaxChunkBytes) {
    return Refused(absl::StrCat("a chunk of ", length, " bytes is longer than ", kMaxChunkBytes));
  }
  if (length > kMaxLengthBytes - before) return Refused("the lengths add up to 2^63 or more");
  return absl::OkStatus();
}

}  // namespace

uint64_t Node::length_bytes() const {
  uint64_t sum = 0;
  for (const Entry& entry : entries) sum += entry.length_bytes;
  return sum;
}

bool EndsNode(const AnyDigest& id, size_t count) {
  if (count >= kMaxNodeEntries) return true;
  return count >= kMinNodeEntries && (id.data()[kDigestBytes - 1] & kEndMask) == 0;
}

std::string EncodeNode(const Node& node) {
  assert(node.level >= 0 && node.level <= kMaxNodeLevel);
  assert(node.entries.size() <= kMaxNodeEntries);
  const size_t entry_bytes = EntryBytes(node.level);
  std::string encoding(kNodeHeadBytes + node.entries.size() * entry_bytes, '\0');
  uint8_t* at = reinterpret_cast<uint8_t*>(encoding.data());
  std::memcpy(at, kMagicAndFormat, sizeof(kMagicAndFormat));
  at[4] = kChunkerId;
  at[5] = static_cast<uint8_t>(node.level);
  StoreBigEndian(at + 6, static_cast<uint16_t>(node.entries.size()));
  at += kNodeHeadBytes;
  for (const Entry& entry : node.entries) {
    std::memcpy(at, entry.id.data(), kDigestBytes);
    if (node.level == 0) {
      assert(entry.length_bytes <= kMaxChunkBytes);
      StoreBigEndian(at + kDigestBytes, static_cast<uint32_t>(entry.length_bytes));
    } else {
      StoreBigEndian(at + kDigestBytes, entry.length_bytes);
    }
    at += entry_bytes;
  }
  return encoding;
}

absl::StatusOr<Node> DecodeNode(Bytes encoding) {
  DRAY_ASSIGN_OR_RETURN(const Header header, DecodeHeader(encoding));
  Node node{header.level, {}};
  node.entries.reserve(header.count);
  uint64_t sum = 0;
  const uint8_t* at = encoding.data() + kNodeHeadBytes;
  for (size_t count = 1; count <= header.count; ++count, at += EntryBytes(header.level)) {
    Entry entry{AnyDigest::Load(at)};
    entry.length_bytes = header.level == 0 ? LoadBigEndian<uint32_t>(at + kDigestBytes)
                                           : LoadBigEndian<uint64_t>(at + kDigestBytes);
    DRAY_RETURN_IF_ERROR(CheckLength(entry.length_bytes, header.level, sum));
    if (count < header.count && EndsNode(entry.id, count)) {
      return Refused(absl::StrCat("entry ", count, " of ", header.count, " ends a node"));
    }
    sum += entry.length_bytes;
    node.entries.push_back(entry);
  }
  return node;
}

NodeId IdOfNode(Bytes encoding) { return Sha256(encoding).As<NodeTag>(); }

}  // namespace dray
