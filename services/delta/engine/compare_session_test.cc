// A session whose nodes reach the catalog while a step looks at it.
#include "services/delta/engine/compare_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

using ::testing::_;
using ::testing::NiceMock;

template <typename T>
using Found = absl::StatusOr<std::optional<T>>;

class MockView : public CatalogView {
 public:
  MOCK_METHOD(Found<StoredChunk>, FindChunk, (const ChunkId&), (override));
  MOCK_METHOD(Found<StoredChunk>, FindChunkBefore, (const ChunkId&), (override));
  MOCK_METHOD(Found<StoredChunk>, FindChunkAfter, (const ChunkId&), (override));
  MOCK_METHOD(Found<NodeFacts>, FindNode, (const NodeId&), (override));
  MOCK_METHOD(absl::StatusOr<Node>, ReadNode, (const NodeId&), (override));
  MOCK_METHOD(Found<EntryRecord>, FindEntry, (EntryId, std::string_view), (override));
  MOCK_METHOD(Found<EntryRecord>, FindEntry, (EntryId), (override));
  MOCK_METHOD(absl::Status, VisitChildren,
              (EntryId, std::string_view, absl::FunctionRef<bool(EntryRecord)>), (override));
  MOCK_METHOD(Found<VersionRecord>, FindVersion, (EntryId, uint64_t), (override));
  MOCK_METHOD(Found<VersionRecord>, FindVersionAt, (EntryId, int64_t), (override));
  MOCK_METHOD(Found<EntryRecord>, FindEntryAt, (EntryId, std::string_view, int64_t), (override));
  MOCK_METHOD(absl::Status, VisitChildrenAt,
              (EntryId, std::string_view, int64_t, absl::FunctionRef<bool(EntryRecord)>),
              (override));
  MOCK_METHOD(absl::Status, VisitVersions,
              (EntryId, uint64_t, absl::FunctionRef<bool(VersionRecord)>), (override));
  MOCK_METHOD(Found<OperationRecord>, FindOperation, (std::string_view), (override));
  MOCK_METHOD(Found<OperationRecord>, FindOperation, (std::string_view, EntryId), (override));
  MOCK_METHOD(absl::StatusOr<std::vector<SegmentUse>>, ReadSegmentUses, (SegmentId, size_t),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<CondemnedRow>>, FindCondemned, (Garbage, int64_t, size_t),
              (override));
  MOCK_METHOD(absl::StatusOr<int64_t>, VisitNodes, (int64_t, absl::FunctionRef<void(const Node&)>),
              (override));
  MOCK_METHOD(absl::StatusOr<bool>, VisitRoots,
              (VersionName*, absl::FunctionRef<void(const Root&)>), (override));
  MOCK_METHOD(absl::StatusOr<bool>, HasBlockList, (const Root&, uint32_t), (override));
  MOCK_METHOD(absl::StatusOr<std::string>, ReadBlockPiece, (const Root&, uint32_t, uint64_t),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<VersionName>>, FindWithoutMd5, (std::string_view, size_t),
              (override));
  MOCK_METHOD(absl::StatusOr<std::vector<Retention>>, FindRetentions, (), (override));
  MOCK_METHOD(absl::StatusOr<EntriesWithPast>, FindWithPast, (EntryId, size_t), (override));
  MOCK_METHOD(Found<VersionRecord>, FindVersionAfter, (EntryId, uint64_t), (override));
};

TEST(CompareSessionTest, AChildThatLeavesForTheCatalogWhileItsParentIsToldIsFound) {
  const TestFile file = MakeTestFile(0, 1000);  // several leaves beneath one root
  ASSERT_GE(file.nodes.size(), 4u);
  const TreeBuilder::FinishedNode& root = file.nodes.back();
  CompareSession session({});
  NiceMock<MockView> view;  // as the catalog is when a step first looks
  ON_CALL(view, FindChunk(_)).WillByDefault([&](const ChunkId& id) -> Found<StoredChunk> {
    for (const StoredChunk& chunk : file.chunks) {
      if (chunk.id == id) return chunk;
    }
    return std::nullopt;
  });
  bool told = false;
  ON_CALL(view, FindNode(_)).WillByDefault([&](const NodeId& id) -> Found<NodeFacts> {
    // The others are added to the catalog behind this view's back.
    if (told) session.NodesAdded(session.TakeReady(1000));
    const TreeBuilder::FinishedNode& first = file.nodes.front();
    if (id != first.id) return std::nullopt;
    return NodeFacts{.level = 0, .length_bytes = first.node.length_bytes()};
  });

  std::string ids;
  for (const auto& node : file.nodes) ids.append(node.id.view());
  const auto known = session.Offer(view, ids, {});
  ASSERT_TRUE(known.ok()) << known.status();
  ASSERT_EQ(known->unknown.size(), file.nodes.size() - 1) << "all but the first leaf";
  for (uint64_t ordinal = 1; ordinal + 1 < file.nodes.size(); ++ordinal) {
    ASSERT_TRUE(session.AddEntries(view, ordinal, file.nodes[ordinal].encoding).ok());
  }
  told = true;
  const auto added = session.AddEntries(view, file.nodes.size() - 1, root.encoding);
  EXPECT_TRUE(added.ok()) << added.status();
}

}  // namespace
}  // namespace dray::delta
