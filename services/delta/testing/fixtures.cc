#include "services/delta/testing/fixtures.h"

#include <stdlib.h>

#include <numeric>

#include "core/chunking/sha256.h"
#include "services/delta/catalog/sqlite_catalog.h"

namespace dray::delta {

std::string NewTestFolder() {
  std::string folder = testing::TempDir() + "/delta-XXXXXX";
  EXPECT_NE(::mkdtemp(folder.data()), nullptr);
  return folder;
}

std::unique_ptr<Catalog> OpenTestCatalog(const std::string& file) {
  auto catalog = OpenSqliteCatalog({.file = file, .readers = 2});
  EXPECT_TRUE(catalog.ok()) << catalog.status();
  return catalog.ok() ? *std::move(catalog) : nullptr;
}

void ExpectConsistent(Catalog& catalog) {
  const auto report = catalog.CheckConsistency();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->problems, testing::IsEmpty());
}

ChunkId TestChunkId(uint64_t number) {
  return Sha256(AsBytes(absl::StrCat("chunk ", number))).As<ChunkTag>();
}

StoredChunk TestChunk(uint64_t number) {
  return {.id = TestChunkId(number),
          .length_bytes = static_cast<uint32_t>(16384 + number % 100000),
          .segment = SegmentId{number / 1000 + 1},
          .offset = number % 1000 * 70000,
          .stored_bytes = static_cast<uint32_t>(16384 + number % 100000 + 64)};
}

TestFile MakeTestFile(const std::vector<uint64_t>& chunk_numbers) {
  TestFile file;
  TreeBuilder builder(
      [&](TreeBuilder::FinishedNode node) { file.nodes.push_back(std::move(node)); });
  for (uint64_t number : chunk_numbers) {
    file.chunks.push_back(TestChunk(number));
    builder.Add(file.chunks.back().id, file.chunks.back().length_bytes);
  }
  file.size = builder.length_bytes();
  file.root = builder.Finish();
  return file;
}

TestFile MakeTestFile(uint64_t first, uint64_t count) {
  std::vector<uint64_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), first);
  return MakeTestFile(numbers);
}

absl::Status AddTestFile(CatalogTransaction& transaction, const TestFile& file) {
  for (const StoredChunk& chunk : file.chunks) DRAY_RETURN_IF_ERROR(transaction.AddChunk(chunk));
  for (const auto& node : file.nodes) {
    DRAY_RETURN_IF_ERROR(transaction.AddNode(node.id, node.node, node.encoding));
  }
  return absl::OkStatus();
}

}  // namespace dray::delta
