#ifndef DRAY_CORE_TESTING_FUZZ_TARGET_H_
#define DRAY_CORE_TESTING_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// A fuzz target is one file that defines these two. As an ordinary test it is a GoogleTest program
// that runs the corpus, every prefix of it, and some 50,000 mutations, always the same ones; built
// with --config=fuzz it is a libFuzzer program, and scripts/fuzz runs it.

// Returns 0; aborts when something that must hold does not.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace dray {

// Well-formed inputs to start from. Those in the folder fuzz_corpus/ are used besides.
std::vector<std::string> FuzzCorpus();

}  // namespace dray

#endif  // DRAY_CORE_TESTING_FUZZ_TARGET_H_
