#include "core/chunking/sha256.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/chunking/sha256_backends.h"

namespace dray {
namespace {

std::vector<uint8_t> RandomData(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint8_t> data(size);
  for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
  return data;
}

using Hasher = AnyDigest (*)(Bytes);

std::vector<Hasher> Hashers() {
  std::vector<Hasher> hashers = {Sha256, internal::Sha256WithOpenSsl};
  if (internal::HasShaExtensions()) hashers.push_back(internal::Sha256WithShaExtensions);
  return hashers;
}

std::string HexOf(Hasher hash, std::string_view text) { return hash(AsBytes(text)).hex(); }

// Examples published with FIPS 180-4, and the empty message.
TEST(Sha256, GivesThePublishedDigests) {
  for (Hasher hash : Hashers()) {
    EXPECT_EQ(HexOf(hash, ""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(HexOf(hash, "abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(HexOf(hash, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(HexOf(hash, std::string(1000000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST(Sha256, AgreesWithOpenSslForEveryShortLengthAndPlace) {
  const std::vector<uint8_t> data = RandomData(1100, 1);
  for (size_t length = 0; length <= 1000; ++length) {
    const Bytes message(data.data() + length % 67, length);
    EXPECT_EQ(Sha256(message), internal::Sha256WithOpenSsl(message)) << length;
  }
}

// Hashes slices of one buffer together and compares each with OpenSSL's digest of it.
void ExpectHashChunksAgrees(const std::vector<Bytes>& messages) {
  std::vector<ChunkId> ids(messages.size());
  HashChunks(messages, absl::MakeSpan(ids));
  for (size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(ids[i], internal::Sha256WithOpenSsl(messages[i]).As<ChunkTag>())
        << "message " << i << " of " << messages.size() << ", " << messages[i].size() << " bytes";
  }
}

TEST(HashChunks, TakesNoMessages) { ExpectHashChunksAgrees({}); }

TEST(HashChunks, AgreesForEveryShortLengthTogether) {
  const std::vector<uint8_t> data = RandomData(3000, 2);
  std::vector<Bytes> messages;
  for (size_t length = 0; length <= 1000; ++length) {
    messages.emplace_back(data.data() + length, length);
  }
  ExpectHashChunksAgrees(messages);
}

TEST(HashChunks, AgreesForFewMessagesOfAnyMixAroundBlockBoundaries) {
  const std::vector<uint8_t> data = RandomData(600, 3);
  const size_t lengths[] = {0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 129, 512};
  for (size_t a : lengths) {
    ExpectHashChunksAgrees({Bytes(data.data(), a)});
    for (size_t b : lengths) {
      ExpectHashChunksAgrees({Bytes(data.data(), a), Bytes(data.data() + 1, b)});
      for (size_t c : lengths) {
        ExpectHashChunksAgrees(
            {Bytes(data.data(), a), Bytes(data.data() + 1, b), Bytes(data.data() + 2, c)});
      }
    }
  }
}

TEST(HashChunks, AgreesForManyMisalignedMessagesOfChunkLengths) {
  const std::vector<uint8_t> data = RandomData(300000, 4);
  std::mt19937_64 random(5);
  for (size_t count : {1, 2, 3, 4, 5, 7, 40}) {
    std::vector<Bytes> messages;
    for (size_t i = 0; i < count; ++i) {
      messages.emplace_back(data.data() + random() % 1000, random() % 262145);
    }
    ExpectHashChunksAgrees(messages);
  }
}

}  // namespace
}  // namespace dray
