// Holds the code against testdata/vectors.txt, which testdata/make_vectors.py makes without it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/chunking/chunker.h"
#include "core/chunking/node.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"

namespace dray {
namespace {

constexpr char kVectors[] = "core/chunking/testdata/vectors.txt";
constexpr size_t kMostNodesListed = 64;

// One case of the file: how its data is made, and the lines that must come of it.
struct Case {
  std::string name;
  std::string kind;
  size_t size = 0;
  std::vector<std::string> expected;
};

std::vector<Case> ReadCases() {
  std::ifstream file(kVectors);
  std::vector<Case> cases;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    std::string first;
    words >> first;
    if (first == "case") {
      words >> cases.emplace_back().name;
    } else if (first == "data") {
      words >> cases.back().kind >> cases.back().size;
    } else {
      cases.back().expected.push_back(line);
    }
  }
  return cases;
}

AnyDigest HashOfNumbered(std::string_view prefix, size_t number) {
  return Sha256(AsBytes(std::string(prefix) + std::to_string(number)));
}

std::string Stream(size_t size) {
  std::string data;
  for (size_t i = 0; data.size() < size; ++i) data += HashOfNumbered("dray vector ", i).view();
  data.resize(size);
  return data;
}

std::vector<Entry> ChunksOf(Bytes data) {
  std::vector<Bytes> messages;
  while (!data.empty()) {
    messages.push_back(data.first(CutChunk(data)));
    data.remove_prefix(messages.back().size());
  }
  std::vector<ChunkId> ids(messages.size());
  HashChunks(messages, absl::MakeSpan(ids));
  std::vector<Entry> chunks;
  for (size_t i = 0; i < ids.size(); ++i) {
    chunks.push_back({ids[i].As<AnyTag>(), messages[i].size()});
  }
  return chunks;
}

std::vector<Entry> SyntheticChunks(size_t count) {
  std::vector<Entry> chunks;
  for (size_t i = 0; i < count; ++i) {
    const AnyDigest id = HashOfNumbered("dray entry ", i);
    chunks.push_back({id, 1 + LoadBigEndian<uint32_t>(id.data()) % kMaxChunkBytes});
  }
  return chunks;
}

std::string Line(std::initializer_list<std::string> words) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

void AppendChunkLines(const std::vector<Entry>& chunks, std::vector<std::string>& lines) {
  for (auto run = chunks.begin(); run != chunks.end();) {
    const auto end = std::find_if(run, chunks.end(), [&](const Entry& e) { return e != *run; });
    lines.push_back(Line({"chunk", std::to_string(run->length_bytes), run->id.hex(),
                          "x" + std::to_string(end - run)}));
    run = end;
  }
}

void AppendTreeLines(const std::vector<Entry>& chunks, std::vector<std::string>& lines) {
  std::map<int, std::vector<std::string>> levels;
  std::map<int, std::string> joined_ids;
  TreeBuilder builder([&](TreeBuilder::FinishedNode finished) {
    const Node& node = finished.node;
    joined_ids[node.level] += finished.id.view();
    levels[node.level].push_back(
        Line({"node", std::to_string(node.level), std::to_string(node.entries.size()),
              std::to_string(node.length_bytes()), finished.id.hex()}));
  });
  for (const Entry& chunk : chunks) {
    builder.Add(chunk.chunk(), static_cast<uint32_t>(chunk.length_bytes));
  }
  const Root root = builder.Finish();
  for (auto& [level, nodes] : levels) {
    if (nodes.size() > kMostNodesListed) {
      const std::string hash = Sha256(AsBytes(joined_ids[level])).hex();
      nodes = {Line({"nodes", std::to_string(level), std::to_string(nodes.size()), hash})};
    }
    lines.insert(lines.end(), nodes.begin(), nodes.end());
  }
  lines.push_back(Line({"root", root.hex()}));
}

TEST(Vectors, HoldForEveryCase) {
  const std::vector<Case> cases = ReadCases();
  ASSERT_EQ(cases.size(), 9u) << "read from " << kVectors;
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    std::vector<std::string> lines;
    if (one.kind == "entries") {
      AppendTreeLines(SyntheticChunks(one.size), lines);
    } else {
      ASSERT_TRUE(one.kind == "zero" || one.kind == "stream") << one.kind;
      const std::string data = one.kind == "zero" ? std::string(one.size, '\0') : Stream(one.size);
      const std::vector<Entry> chunks = ChunksOf(AsBytes(data));
      AppendChunkLines(chunks, lines);
      AppendTreeLines(chunks, lines);
    }
    EXPECT_EQ(lines, one.expected);
  }
}

}  // namespace
}  // namespace dray
