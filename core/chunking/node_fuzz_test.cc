// Runs the fuzz target over good nodes and many spoilt ones, so that every build does some of it.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/chunking/node.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace dray {
namespace {

constexpr size_t kHeaderBytes = 8;
constexpr int kInputs = 100000;

std::vector<std::string> Corpus() {
  std::vector<std::string> corpus;
  for (int level : {0, 1, kMaxNodeLevel}) {
    for (size_t count : {0, 1, 2, 16, 17, 40}) {
      if (count == 0 && level != 0) continue;
      Node node{level, {}};
      for (size_t i = 0; i < count; ++i) {
        Entry entry{AnyDigest(), 1000 + i};
        for (size_t j = 0; j < kDigestBytes; ++j) entry.id.data()[j] = static_cast<uint8_t>(i + j);
        entry.id.data()[kDigestBytes - 1] |= 1;
        node.entries.push_back(entry);
      }
      corpus.push_back(EncodeNode(node));
    }
  }
  return corpus;
}

// Spoils a few bytes, mostly of the header, and now and then the size.
std::string Mutate(std::string input, std::mt19937_64& random) {
  const size_t changes = random() % 4;
  for (size_t i = 0; i < changes && !input.empty(); ++i) {
    const size_t range = random() % 2 == 0 ? std::min(input.size(), kHeaderBytes) : input.size();
    char& byte = input[random() % range];
    byte = static_cast<char>(random() % 2 == 0 ? byte ^ (1 << random() % 8) : random());
  }
  if (random() % 8 == 0) input.resize(random() % (input.size() + 50), static_cast<char>(random()));
  return input;
}

TEST(NodeFuzz, HoldsForSpoiltNodes) {
  const std::vector<std::string> corpus = Corpus();
  std::mt19937_64 random(1);
  int accepted = 0;
  for (int i = 0; i < kInputs; ++i) {
    // A copy of just its size, so that AddressSanitizer sees a read beyond the end.
    const std::string input = Mutate(corpus[random() % corpus.size()], random);
    const std::vector<uint8_t> bytes(input.begin(), input.end());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    if (DecodeNode(bytes).ok()) ++accepted;
  }
  // Both sides were seen.
  EXPECT_GT(accepted, kInputs / 20);
  EXPECT_LT(accepted, kInputs * 19 / 20);
}

}  // namespace
}  // namespace dray
