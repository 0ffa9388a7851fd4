#ifndef DRAY_CORE_TESTING_FUZZ_RUNNER_H_
#define DRAY_CORE_TESTING_FUZZ_RUNNER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// A fuzz target is one file that defines these two. Linked with the library :fuzz_runner it is a
// GoogleTest program that runs the corpus, every prefix of it, and some 50,000 mutations, always
// the same ones; linked with libFuzzer (clang -fsanitize=fuzzer) instead, it is a fuzzer, and
// FuzzCorpus is not used.

// Returns 0; aborts when something that must hold does not.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace dray {

// Well-formed inputs to start from.
std::vector<std::string> FuzzCorpus();

}  // namespace dray

#endif  // DRAY_CORE_TESTING_FUZZ_RUNNER_H_
