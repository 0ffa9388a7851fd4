// Runs a fuzz target as a GoogleTest program.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>

#include "core/testing/fuzz_target.h"

namespace dray {
namespace {

constexpr int kMutations = 50'000;
constexpr size_t kMaxInputBytes = 64 * 1024;

// The target's own inputs and those in fuzz_corpus/<target>/ beside it.
std::vector<std::string> WholeCorpus() {
  std::vector<std::string> corpus = FuzzCorpus();
  const char* const program = std::getenv("TEST_BINARY");
  if (program == nullptr) return corpus;
  const std::filesystem::path path(program);
  std::error_code none_there;
  std::filesystem::directory_iterator files(path.parent_path() / "fuzz_corpus" / path.filename(),
                                            none_there);
  for (const auto& file : files) {
    std::ifstream in(file.path(), std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return corpus;
}

// Exactly as many bytes on the heap: ASan sees a read of one more.
void RunOne(const std::string& input) {
  const std::unique_ptr<uint8_t[]> copy(new uint8_t[input.size()]);
  std::copy(input.begin(), input.end(), copy.get());
  LLVMFuzzerTestOneInput(copy.get(), input.size());
}

// Changes inputs in the ways that break parsers: flipped bits, lengths at their limits, bytes cut,
// repeated, or taken from others.
class Mutator {
 public:
  explicit Mutator(std::vector<std::string> corpus) : corpus_(std::move(corpus)) {}

  std::string Next() {
    std::string input = corpus_[Below(corpus_.size())];
    for (size_t count = 1 + Below(4); count > 0; --count) Mutate(input);
    if (input.size() > kMaxInputBytes) input.resize(kMaxInputBytes);
    return input;
  }

 private:
  size_t Below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  // Headers are where parsers decide: half of all changes hit the first 64 bytes.
  size_t Position(const std::string& input) {
    return Below(Below(2) == 0 ? std::min<size_t>(input.size(), 64) : input.size());
  }

  void Mutate(std::string& input) {
    const size_t at = Position(input);
    const size_t length = std::min(Below(100), input.size() - at);
    switch (Below(7)) {
      case 0:
        if (!input.empty()) input[at] ^= static_cast<char>(1 << Below(8));
        break;
      case 1:
        if (!input.empty()) input[at] = static_cast<char>(random_());
        break;
      case 2:
        OverwriteLength(input, at);
        break;
      case 3:
        input.erase(at, length);
        break;
      case 4:
        input.insert(at, input.substr(at, length));
        break;
      case 5:
        input.insert(at, std::string(Below(100), static_cast<char>(random_())));
        break;
      case 6: {
        const std::string& other = corpus_[Below(corpus_.size())];
        input = input.substr(0, at) + other.substr(Below(other.size()));
        break;
      }
    }
  }

  // A big-endian integer that is likely to be at the edge of something.
  void OverwriteLength(std::string& input, size_t at) {
    static constexpr uint32_t kEdges[] = {
        0,       1,       43,      44,       45,       52,         0x3ffff,    0x40000,   0x40001,
        0x4002c, 0x4002d, 0xfffff, 0x100000, 0x100001, 0x7fffffff, 0x80000000, 0xffffffff};
    const uint32_t value = kEdges[Below(std::size(kEdges))];
    for (size_t i = 0; i < 4 && at + i < input.size(); ++i) {
      input[at + i] = static_cast<char>(value >> (24 - 8 * i));
    }
  }

  const std::vector<std::string> corpus_;
  std::mt19937_64 random_{20'000};
};

TEST(Fuzz, CorpusAndItsPrefixes) {
  for (const std::string& input : WholeCorpus()) {
    RunOne(input);
    for (size_t length = 0; length < std::min<size_t>(input.size(), 300); ++length) {
      RunOne(input.substr(0, length));
    }
  }
}

TEST(Fuzz, Mutations) {
  Mutator mutator(WholeCorpus());
  for (int i = 0; i < kMutations; ++i) RunOne(mutator.Next());
}

}  // namespace
}  // namespace dray
