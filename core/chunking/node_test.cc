#include "core/chunking/node.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "core/base/bytes.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"

namespace dray {
namespace {

// The id of a test entry; its last byte ends a node or does not.
AnyDigest Id(size_t number, bool ends) {
  AnyDigest id = Sha256(AsBytes(std::to_string(number)));
  id.data()[kDigestBytes - 1] = ends ? 0x40 : 0x3F;
  return id;
}

// A canonical node of `count` entries none of which ends it.
Node MakeNode(int level, size_t count) {
  Node node{level, {}};
  for (size_t i = 0; i < count; ++i) {
    node.entries.push_back({Id(i, false), level == 0 ? i + 1 : (i + 1) << 32});
  }
  return node;
}

// Expects `encoding` to be refused for a reason that contains `why`.
void ExpectRefused(const std::string& encoding, const std::string& why) {
  const absl::StatusOr<Node> node = DecodeNode(AsBytes(encoding));
  ASSERT_EQ(node.status().code(), absl::StatusCode::kInvalidArgument) << "wanted: " << why;
  EXPECT_NE(std::string(node.status().message()).find(why), std::string::npos) << node.status();
}

std::string With(std::string encoding, size_t at, std::string_view bytes) {
  encoding.replace(at, bytes.size(), bytes);
  return encoding;
}

std::string BigEndian64(uint64_t value) {
  std::string bytes(8, '\0');
  StoreBigEndian(reinterpret_cast<uint8_t*>(bytes.data()), value);
  return bytes;
}

TEST(EndsNode, NeedsTheLeastCountAndSixZeroBits) {
  EXPECT_FALSE(EndsNode(Id(1, true), kMinNodeEntries - 1));
  EXPECT_TRUE(EndsNode(Id(1, true), kMinNodeEntries));
  EXPECT_TRUE(EndsNode(Id(1, true), kMaxNodeEntries - 1));
  EXPECT_FALSE(EndsNode(Id(1, false), kMaxNodeEntries - 1));
  EXPECT_TRUE(EndsNode(Id(1, false), kMaxNodeEntries));
}

TEST(EndsNode, LooksAtTheLastByteOnly) {
  AnyDigest id;
  for (size_t i = 0; i < kDigestBytes; ++i) id.data()[i] = 0xFF;
  for (int low = 0; low < 256; ++low) {
    id.data()[kDigestBytes - 1] = static_cast<uint8_t>(low);
    EXPECT_EQ(EndsNode(id, kMinNodeEntries), low % 64 == 0) << low;
  }
}

TEST(EncodeNode, WritesALeafByteForByte) {
  Node node{0, {{Id(1, false), 0x00012345}}};
  const std::string expected = std::string("drn\x01\x01\x00\x00\x01", 8) +
                               std::string(Id(1, false).view()) +
                               std::string("\x00\x01\x23\x45", 4);
  EXPECT_EQ(EncodeNode(node), expected);
}

TEST(EncodeNode, WritesAnUpperNodeByteForByte) {
  Node node{2, {{Id(1, false), 0x0123456789ABCDEF}, {Id(2, true), 1}}};
  const std::string expected =
      std::string("drn\x01\x01\x02\x00\x02", 8) + std::string(Id(1, false).view()) +
      "\x01\x23\x45\x67\x89\xAB\xCD\xEF" + std::string(Id(2, true).view()) +
      std::string("\0\0\0\0\0\0\0\x01", 8);
  EXPECT_EQ(EncodeNode(node), expected);
}

TEST(DecodeNode, GivesBackWhatWasEncoded) {
  for (int level : {0, 1, kMaxNodeLevel}) {
    for (size_t count :
         {size_t{1}, size_t{15}, size_t{16}, size_t{17}, size_t{255}, kMaxNodeEntries}) {
      const Node node = MakeNode(level, count);
      const std::string encoding = EncodeNode(node);
      EXPECT_EQ(encoding.size(),
                kNodeHeadBytes + count * (level == 0 ? kLeafEntryBytes : kNodeEntryBytes));
      const absl::StatusOr<Node> decoded = DecodeNode(AsBytes(encoding));
      ASSERT_TRUE(decoded.ok()) << decoded.status();
      EXPECT_EQ(decoded->level, level);
      EXPECT_EQ(decoded->entries, node.entries);
      EXPECT_EQ(decoded->length_bytes(), node.length_bytes());
    }
  }
}

TEST(DecodeNode, TakesTheEmptyFilesRoot) {
  const absl::StatusOr<Node> node = DecodeNode(AsBytes(EncodeNode(Node{})));
  ASSERT_TRUE(node.ok()) << node.status();
  EXPECT_EQ(node->level, 0);
  EXPECT_TRUE(node->entries.empty());
  EXPECT_EQ(node->length_bytes(), 0u);
}

TEST(DecodeNode, TakesAnEndingEntryWhereItEndsTheNodeOrIsTooEarlyTo) {
  Node node = MakeNode(0, 20);
  node.entries[14].id = Id(14, true);  // the 15th: one short of the least count
  node.entries[19].id = Id(19, true);
  EXPECT_TRUE(DecodeNode(AsBytes(EncodeNode(node))).ok());
}

TEST(DecodeNode, RefusesEntriesAfterTheOneThatEndsTheNode) {
  for (size_t place : {15, 18}) {
    Node node = MakeNode(1, 20);
    node.entries[place].id = Id(place, true);
    ExpectRefused(EncodeNode(node), "entry " + std::to_string(place + 1) + " of 20 ends a node");
  }
}

TEST(DecodeNode, RefusesOtherHeaders) {
  const std::string leaf = EncodeNode(MakeNode(0, 3));
  for (size_t size = 0; size < kNodeHeadBytes; ++size) {
    ExpectRefused(leaf.substr(0, size), "too few for the header");
  }
  ExpectRefused(With(leaf, 0, "D"), "does not start with");
  ExpectRefused(With(leaf, 3, "\x02"), "format 1");
  ExpectRefused(With(leaf, 4, "\x02"), "chunker 2 is unknown");
  ExpectRefused(With(leaf, 4, std::string_view("\0", 1)), "chunker 0 is unknown");
  const std::string upper = EncodeNode(MakeNode(kMaxNodeLevel, 3));
  ExpectRefused(With(upper, 5, "\x10"), "level 16 is above 15");
}

TEST(DecodeNode, RefusesCountsThatDoNotFit) {
  const std::string leaf = EncodeNode(MakeNode(0, 3));
  ExpectRefused(leaf + "x", "3 entries take 116 bytes, not 117");
  ExpectRefused(leaf.substr(0, leaf.size() - 1), "3 entries take 116 bytes, not 115");
  ExpectRefused(With(leaf, 6, std::string_view("\x00\x02", 2)), "2 entries take");
  ExpectRefused(With(leaf, 5, "\x01"), "3 entries take 128 bytes");
  ExpectRefused(std::string("drn\x01\x01\x01\x00\x00", 8), "at level 1 and has no entries");
  Node most = MakeNode(0, kMaxNodeEntries);
  const std::string too_many = EncodeNode(most) + std::string(kLeafEntryBytes, 'x');
  ExpectRefused(With(too_many, 6, "\x01\x01"), "257 entries are more than 256");
}

TEST(DecodeNode, RefusesLengthsOutsideTheLimits) {
  Node leaf = MakeNode(0, 3);
  leaf.entries[1].length_bytes = 0;
  ExpectRefused(EncodeNode(leaf), "length is 0");
  leaf.entries[1].length_bytes = kMaxChunkBytes;
  const std::string encoding = EncodeNode(leaf);
  EXPECT_TRUE(DecodeNode(AsBytes(encoding)).ok());
  const size_t length_at = kNodeHeadBytes + kLeafEntryBytes + kDigestBytes;
  ExpectRefused(With(encoding, length_at, std::string_view("\x00\x04\x00\x01", 4)),
                "a chunk of 262145 bytes is longer than 262144");
  Node upper = MakeNode(1, 3);
  upper.entries[2].length_bytes = 0;
  ExpectRefused(EncodeNode(upper), "length is 0");
}

TEST(DecodeNode, RefusesSumsFromTwoToThe63On) {
  constexpr uint64_t kMost = (uint64_t{1} << 63) - 1;
  const std::string one = EncodeNode(MakeNode(3, 1));
  const size_t length_at = kNodeHeadBytes + kDigestBytes;
  EXPECT_TRUE(DecodeNode(AsBytes(With(one, length_at, BigEndian64(kMost)))).ok());
  ExpectRefused(With(one, length_at, BigEndian64(kMost + 1)), "2^63");
  ExpectRefused(With(one, length_at, BigEndian64(~uint64_t{0})), "2^63");
  Node two = MakeNode(3, 2);
  two.entries[0].length_bytes = kMost - 1;
  two.entries[1].length_bytes = 1;
  EXPECT_TRUE(DecodeNode(AsBytes(EncodeNode(two))).ok());
  two.entries[1].length_bytes = 2;
  ExpectRefused(EncodeNode(two), "2^63");
}

TEST(IdOfNode, IsTheHashOfTheEncoding) {
  const std::string encoding = EncodeNode(MakeNode(0, 2));
  EXPECT_EQ(IdOfNode(AsBytes(encoding)), Sha256(AsBytes(encoding)).As<NodeTag>());
}

}  // namespace
}  // namespace dray
