#ifndef DRAY_SERVICES_DELTA_TESTING_FIXTURES_H_
#define DRAY_SERVICES_DELTA_TESTING_FIXTURES_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/chunking/tree_builder.h"
#include "services/delta/catalog/catalog.h"

namespace dray::delta {

// A new folder in the test's temporary folder.
std::string NewTestFolder();

// Opens the catalog in `file`; the test fails if that fails.
std::unique_ptr<Catalog> OpenTestCatalog(const std::string& file);

// Expects that the catalog is consistent.
void ExpectConsistent(Catalog& catalog);

MATCHER_P(HasCode, code, "") {
  *result_listener << arg.ToString();
  return arg.code() == code;
}

// A made-up file: its chunks and its tree.
struct TestFile {
  std::vector<StoredChunk> chunks;
  std::vector<TreeBuilder::FinishedNode> nodes;  // children before parents
  Root root;
  uint64_t size = 0;
};

ChunkId TestChunkId(uint64_t number);
StoredChunk TestChunk(uint64_t number);

// The file of the chunks with these numbers; equal numbers are equal chunks.
TestFile MakeTestFile(const std::vector<uint64_t>& chunk_numbers);
// The file of chunks `first` to `first + count - 1`.
TestFile MakeTestFile(uint64_t first, uint64_t count);

absl::Status AddTestFile(CatalogTransaction& transaction, const TestFile& file);

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_TESTING_FIXTURES_H_
