// A client that lies to the real services: what it says is refused, nobody sees anything of it, and
// an honest client is served as if it had never come.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <zstd.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/chunking/chunker.h"
#include "core/chunking/node.h"
#include "core/chunking/sha256.h"
#include "core/framing/data_frame.h"
#include "dray/wire/v1/wire.pb.h"
#include "services/transfer/testing/test_file.h"
#include "services/transfer/testing/wire_client.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

using transfer::DataFrameOf;
using transfer::TestFile;
using transfer::ToStatus;
using transfer::WireClient;

constexpr uint16_t kRequest = 1;
constexpr char kPath[] = "lie";

// A tree that need not be one.
struct Tree {
  std::vector<std::pair<NodeId, std::string>> nodes;  // as offered, and as sent
  std::map<ChunkId, std::string> chunks;              // what is sent under an id
  std::string root;
  uint64_t size = 0;

  // Its last node becomes the root.
  void Add(const std::string& encoding, uint64_t length) {
    nodes.emplace_back(IdOfNode(AsBytes(encoding)), encoding);
    root = std::string(nodes.back().first.view());
    size = length;
  }
  void Add(const Node& node) { Add(EncodeNode(node), node.length_bytes()); }
  Entry AddChunk(const std::string& bytes) {
    const auto id = Sha256(AsBytes(bytes)).As<ChunkTag>();
    chunks[id] = bytes;
    return {id.As<AnyTag>(), bytes.size()};
  }
  // The last node as the entry of one above.
  Entry Last() const { return {nodes.back().first.As<AnyTag>(), size}; }
};

// Bytes whose id does not end a node, so that they can be any entry of a leaf.
std::string MidNodeChunk(uint64_t seed) {
  while (true) {
    std::string bytes = RandomText(100, seed);
    if (!EndsNode(Sha256(AsBytes(bytes)), kMinNodeEntries)) return bytes;
    seed += 1'000'003;
  }
}

Node Leaf(Tree* tree, size_t entries, uint64_t seed) {
  Node leaf;
  for (size_t i = 0; i < entries; ++i) {
    leaf.entries.push_back(tree->AddChunk(MidNodeChunk(seed * 1000 + i)));
  }
  return leaf;
}

Tree TreeOf(const TestFile& file) {
  Tree tree;
  for (const auto& node : file.nodes) tree.Add(node.node);
  for (const auto& chunk : file.chunks) tree.chunks[chunk.id] = chunk.bytes;
  return tree;
}

// All of an upload; the first error that the server answers with.
absl::Status PutTree(WireClient* client, const Tree& tree, const std::string& path = kPath) {
  DRAY_RETURN_IF_ERROR(OpenUpload(client, kRequest, path));
  wire::v1::PutOffer offer;
  for (const auto& [id, encoding] : tree.nodes) offer.mutable_node_ids()->append(id.view());
  if (!tree.nodes.empty()) {
    DRAY_ASSIGN_OR_RETURN(const auto known, client->Call(FrameType::kPutOffer, kRequest, offer,
                                                         FrameType::kPutKnown));
    const auto unknown = known.As<wire::v1::PutKnown>();
    for (const uint64_t ordinal : unknown.unknown()) {
      wire::v1::PutNode put;
      put.set_ordinal(ordinal);
      put.set_encoding(tree.nodes[ordinal].second);
      DRAY_ASSIGN_OR_RETURN(const auto answer, client->Call(FrameType::kPutNode, kRequest, put,
                                                            FrameType::kPutWanted));
      const auto wanted = answer.As<wire::v1::PutWanted>();
      for (const uint32_t index : wanted.missing()) {
        const auto node = DecodeNode(AsBytes(tree.nodes[ordinal].second));
        const ChunkId id = node->entries[index].chunk();
        const auto chunk = tree.chunks.find(id);
        if (chunk != tree.chunks.end()) client->SendBytes(DataFrameOf(id, chunk->second));
      }
    }
  }
  wire::v1::PutCommit commit;
  commit.set_root(tree.root);
  commit.mutable_metadata()->set_kind(wire::v1::FILE);
  commit.mutable_metadata()->set_mode(0644);
  commit.mutable_metadata()->set_size(tree.size);
  return client->Call(FrameType::kPutCommit, kRequest, commit, FrameType::kPutDone).status();
}

class LyingClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
  }
  void TearDown() override {
    const CommandResult seen = stack_.Dray({"ls", ":/"});
    EXPECT_EQ(seen.status, 0) << seen.err;
    EXPECT_THAT(seen.out, ::testing::Not(::testing::HasSubstr(kPath)));
    EXPECT_TRUE(stack_.transfer().running() && stack_.delta().running());
    ExpectServed(RandomText(500'000, 99), "after");
    stack_.ExpectSound();
  }
  // An honest upload of `contents`, and back again.
  void ExpectServed(const std::string& contents, const std::string& path) {
    WireClient client(stack_.server());
    ASSERT_TRUE(client.Greet().ok());
    const auto done = Upload(&client, kRequest, path, TestFile(contents));
    ASSERT_TRUE(done.ok()) << done.status();
    const auto got = DownloadFile(&client, kRequest, path);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(got->content == contents);
  }
  void ExpectRefused(const Tree& tree, const std::string& why) {
    SCOPED_TRACE(why);
    WireClient client(stack_.server());
    ASSERT_TRUE(client.Greet().ok());
    const absl::Status status = PutTree(&client, tree);
    EXPECT_THAT(status.code(), ::testing::AnyOf(absl::StatusCode::kInvalidArgument,
                                                absl::StatusCode::kFailedPrecondition))
        << status;
    EXPECT_FALSE(status.message().empty());
  }
  // Opens an upload of `file`, and sends `frame` where the data of its first chunk is due.
  absl::Status SendInstead(const TestFile& file, const std::string& frame) {
    WireClient client(stack_.server());
    DRAY_RETURN_IF_ERROR(client.Greet());
    DRAY_RETURN_IF_ERROR(OpenUpload(&client, kRequest, kPath));
    DRAY_ASSIGN_OR_RETURN(const auto wanted, OfferFile(&client, kRequest, file));
    client.SendBytes(frame);
    for (size_t i = 1; i < wanted.size(); ++i) {
      client.SendBytes(DataFrameOf(wanted[i].id, wanted[i].bytes));
    }
    return CommitUpload(&client, kRequest, file).status();
  }
  absl::Status PutBatch(wire::v1::PutBatch batch, const std::string& data) {
    WireClient client(stack_.server());
    DRAY_RETURN_IF_ERROR(client.Greet());
    if (batch.operation_id().empty()) batch.set_operation_id(RandomBytes(16));
    client.Send(FrameType::kPutBatch, kRequest, batch);
    client.SendBytes(data);
    DRAY_ASSIGN_OR_RETURN(const auto frame, client.ReadUntil(FrameType::kPutBatchDone));
    const auto done = frame.As<wire::v1::PutBatchDone>();
    if (done.answers_size() == 0) return absl::InternalError("no answer");
    if (done.answers(0).has_error()) return ToStatus(done.answers(0).error());
    return done.answers(0).missing_size() > 0 ? absl::NotFoundError("chunks are missing")
                                              : absl::OkStatus();
  }

  Stack stack_;
};

TEST_F(LyingClientTest, WrongLengthsInALeaf) {
  const TestFile file(RandomText(300'000, 1));
  for (const int wrong : {-1, 1}) {
    Tree tree = TreeOf(file);
    Node leaf = file.nodes[0].node;
    leaf.entries[0].length_bytes += wrong;
    tree.nodes.clear();
    tree.Add(leaf);
    ExpectRefused(tree, "of a chunk that is not known yet");
  }
  ExpectServed(file.content, "honest");
  for (const int wrong : {-1, 1}) {
    Tree tree;
    Node leaf = file.nodes[0].node;
    leaf.entries[0].length_bytes += wrong;
    tree.Add(leaf);
    ExpectRefused(tree, "of a chunk that is known");
  }
}

TEST_F(LyingClientTest, WrongLengthsOfOneChunkInTwoLeaves) {
  Tree tree;
  Node one = Leaf(&tree, 3, 1);
  Node other = one;
  ++other.entries[0].length_bytes;
  tree.Add(one);
  tree.Add(other);
  ExpectRefused(tree, "two lengths for one chunk");
}

TEST_F(LyingClientTest, WrongChildren) {
  const std::vector<std::pair<std::string, std::function<void(Node*, const Tree&)>>> lies = {
      {"a length that is not the child's",
       [](Node* top, const Tree&) { ++top->entries[0].length_bytes; }},
      {"a child that nobody has",
       [](Node* top, const Tree&) { top->entries[0].id.data()[3] ^= 1; }},
      {"a child that is two levels below", [](Node* top, const Tree&) { top->level = 2; }},
      {"a chunk for a child",
       [](Node* top, const Tree& tree) {
         const auto& [id, bytes] = *tree.chunks.begin();
         top->entries[0] = {id.As<AnyTag>(), bytes.size()};
       }},
      {"a leaf of which chunks are nodes", [](Node* top, const Tree&) { top->level = 0; }},
  };
  for (const auto& [why, lie] : lies) {
    Tree tree;
    Node top{1, {}};
    for (uint64_t seed = 1; seed <= 2; ++seed) {
      tree.Add(Leaf(&tree, 16, seed));
      top.entries.push_back(tree.Last());
    }
    lie(&top, tree);
    tree.Add(top);
    if (top.level == 0) {  // of which the bytes can be sent, for they hash to the id
      for (const auto& [id, encoding] : tree.nodes) tree.chunks[id.As<ChunkTag>()] = encoding;
    }
    ExpectRefused(tree, why);
  }
}

// What another upload has told, and not yet sent, is nobody else's.
TEST_F(LyingClientTest, AChildOfAnotherUploadThatIsUnderWay) {
  Tree theirs;
  theirs.Add(Leaf(&theirs, 16, 1));
  const Entry foreign = theirs.Last();
  WireClient other(stack_.server());
  ASSERT_TRUE(other.Greet().ok());
  ASSERT_TRUE(OpenUpload(&other, kRequest, "theirs").ok());
  wire::v1::PutOffer offer;
  offer.set_node_ids(theirs.root);
  ASSERT_TRUE(other.Call(FrameType::kPutOffer, kRequest, offer, FrameType::kPutKnown).ok());
  wire::v1::PutNode put;
  put.set_encoding(theirs.nodes[0].second);
  ASSERT_TRUE(other.Call(FrameType::kPutNode, kRequest, put, FrameType::kPutWanted).ok());

  Tree tree;
  tree.Add(Leaf(&tree, 16, 2));
  tree.Add(Node{1, {foreign, tree.Last()}});
  ExpectRefused(tree, "a foreign child");
  Tree root_only;
  root_only.root = theirs.root;
  root_only.size = theirs.size;
  ExpectRefused(root_only, "a foreign root");
}

TEST_F(LyingClientTest, EncodingsThatAreNotCanonical) {
  Tree chunks;
  const Node leaf = Leaf(&chunks, 3, 1);
  const std::string good = EncodeNode(leaf);
  const auto with = [&good](size_t at, const std::string& bytes) {
    return std::string(good).replace(at, bytes.size(), bytes);
  };
  Node long_sum{1, {{leaf.entries[0].id, (uint64_t{1} << 63) - 1}, {leaf.entries[1].id, 1}}};
  Node goes_on;
  for (size_t i = 0; i < 17; ++i) {
    goes_on.entries.push_back(leaf.entries[0]);
    goes_on.entries.back().id.data()[0] ^= static_cast<uint8_t>(i);
  }
  goes_on.entries[15].id.data()[kDigestBytes - 1] &= 0xC0;
  const std::vector<std::pair<std::string, std::string>> encodings = {
      {"empty", ""},
      {"shorter than its header", good.substr(0, 7)},
      {"another magic", with(0, "x")},
      {"another format", with(3, "\x02")},
      {"another chunker", with(4, "\x02")},
      {"a level too high", with(5, "\x10")},
      {"fewer entries than it says", with(7, "\x04")},
      {"more entries than it says", with(7, "\x02")},
      {"257 entries", with(6, std::string("\x01\x01", 2))},
      {"a chunk of no bytes", with(40, std::string(4, '\0'))},
      {"a chunk that is too long", with(40, std::string("\x00\x04\x00\x01", 4))},
      {"one byte more", good + '\0'},
      {"one byte less", good.substr(0, good.size() - 1)},
      {"nothing, above the leaves", std::string("drn\x01\x01\x01\x00\x00", 8)},
      {"lengths that overflow", EncodeNode(long_sum)},
      {"entries after its end", EncodeNode(goes_on)},
      {"a megabyte", std::string(1'000'000, 'x')}};
  for (const auto& [why, encoding] : encodings) {
    Tree tree = chunks;
    tree.Add(encoding, leaf.length_bytes());
    ExpectRefused(tree, why);
  }
  Tree tree = chunks;
  tree.Add(leaf);
  tree.nodes[0].first.data()[0] ^= 1;
  tree.root = std::string(tree.nodes[0].first.view());
  ExpectRefused(tree, "another node than was offered");
}

TEST_F(LyingClientTest, CommitsOfWhatIsNotThere) {
  const TestFile file(RandomText(200'000, 1));
  Tree tree = TreeOf(file);
  tree.chunks.erase(tree.chunks.begin());
  ExpectRefused(tree, "without a chunk");
  tree = TreeOf(file);
  tree.size += 1;
  ExpectRefused(tree, "a size that is not the tree's");
  tree.size = ~uint64_t{0};
  ExpectRefused(tree, "an impossible size");
  tree = TreeOf(file);
  tree.root[0] ^= 1;
  ExpectRefused(tree, "another root");
  tree.root.pop_back();
  ExpectRefused(tree, "a root that is none");
  tree.root.clear();
  ExpectRefused(tree, "no root");
  ExpectServed(file.content, "honest");
}

TEST_F(LyingClientTest, ChunksThatAreNotWhatTheyAreCalled) {
  const TestFile file(RandomText(500'000, 1));
  const auto& [id, bytes] = file.chunks[0];
  const std::string good = DataFrameOf(id, bytes);
  const auto zstd = [&](uint32_t raw_bytes, const std::string& raw) {
    std::string body(ZSTD_compressBound(raw.size()), '\0');
    body.resize(ZSTD_compress(body.data(), body.size(), raw.data(), raw.size(), 1));
    std::string frame;
    AppendDataFrame({.id = id, .raw_bytes = raw_bytes, .zstd = true, .body = AsBytes(body)},
                    &frame);
    return frame;
  };
  const auto length = static_cast<uint32_t>(bytes.size());
  std::string flipped = bytes;
  flipped[7] ^= 1;
  std::string checksum = good;
  checksum.back() ^= 1;
  std::string flags = good;
  flags[5] ^= 0x40;
  std::string too_long = good;
  for (size_t i = 0; i < 4; ++i) too_long[40 + i] = '\xff';
  const std::vector<std::pair<std::string, std::string>> frames = {
      {"other bytes", DataFrameOf(id, flipped)},
      {"bytes of another chunk", DataFrameOf(id, file.chunks[1].bytes)},
      {"a byte less", DataFrameOf(id, bytes.substr(1))},
      {"a wrong checksum", checksum},
      {"unknown flags", flags},
      {"a length of 4 GiB", too_long},
      {"a bomb", zstd(length, std::string(64 << 20, '\0'))},
      {"zstd of too little", zstd(length, "little")},
      {"zstd of other bytes", zstd(length, flipped)},
      {"a wrong length of the right bytes", zstd(length - 1, bytes)},
      {"a chunk that nobody wants", DataFrameOf(Sha256(AsBytes(flipped)).As<ChunkTag>(), flipped)},
      {"no chunk", ""},
      {"the same chunk twice", good + good}};
  for (const auto& [why, frame] : frames) {
    const absl::Status status = SendInstead(file, frame);
    EXPECT_THAT(
        status.code(),
        ::testing::AnyOf(absl::StatusCode::kInvalidArgument, absl::StatusCode::kFailedPrecondition,
                         absl::StatusCode::kDataLoss, absl::StatusCode::kAborted))
        << why << ": " << status;
  }
  ExpectServed(file.content, "honest");
}

TEST_F(LyingClientTest, Batches) {
  const TestFile file(RandomText(10'000, 1));
  wire::v1::PutBatch good;
  *good.add_items() = file.ToBatchItem(kPath);
  good.set_data_frames(1);
  const std::string data = DataFrameOf(file.chunks[0].id, file.content);
  const auto lie = [&](const std::string& why, std::function<void(wire::v1::PutBatch*)> change,
                       const std::string& sent) {
    wire::v1::PutBatch batch = good;
    change(&batch);
    const absl::Status status = PutBatch(batch, sent);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << why << ": " << status;
  };
  const auto nothing = [](wire::v1::PutBatch*) {};
  const auto item = [](wire::v1::PutBatch* batch) { return batch->mutable_items(0); };
  lie(
      "another length", [&](auto* b) { item(b)->mutable_chunks(0)->set_length(9'999); }, data);
  lie(
      "another size", [&](auto* b) { item(b)->mutable_metadata()->set_size(1); }, data);
  lie(
      "a chunk of no bytes", [&](auto* b) { item(b)->mutable_chunks(0)->set_length(0); }, data);
  lie(
      "a chunk too long", [&](auto* b) { item(b)->mutable_chunks(0)->set_length(1 << 20); }, data);
  lie(
      "half an id", [&](auto* b) { item(b)->mutable_chunks(0)->set_id("half"); }, data);
  lie("data of no item", nothing, DataFrameOf(Sha256(AsBytes("x")).As<ChunkTag>(), "x"));
  lie(
      "more data frames than chunks", [](auto* b) { b->set_data_frames(2); }, data + data);
  lie(
      "an operation without a name", [](auto* b) { b->set_operation_id("short"); }, data);
  lie(
      "no kind", [&](auto* b) { item(b)->mutable_metadata()->set_kind(wire::v1::DELETED); }, data);
  lie(
      "a folder with contents",
      [&](auto* b) { item(b)->mutable_metadata()->set_kind(wire::v1::FOLDER); }, data);
  lie(
      "a mode beyond modes", [&](auto* b) { item(b)->mutable_metadata()->set_mode(010000); }, data);
  lie(
      "257 items",
      [&](auto* b) {
        for (int i = 0; i < 256; ++i) *b->add_items() = b->items(0);
      },
      data);
  std::string flipped = file.content;
  flipped[0] ^= 1;
  const absl::Status wrong = PutBatch(good, DataFrameOf(file.chunks[0].id, flipped));
  EXPECT_THAT(wrong.code(),
              ::testing::AnyOf(absl::StatusCode::kInvalidArgument, absl::StatusCode::kDataLoss,
                               absl::StatusCode::kAborted))
      << wrong;
  ExpectServed(file.content, "honest");
}

TEST_F(LyingClientTest, MoreDataThanABatchMayHave) {
  const TestFile file(RandomText(9'000'000, 1));
  wire::v1::PutBatch batch;
  *batch.add_items() = file.ToBatchItem(kPath);
  std::string data;
  for (const auto& chunk : file.chunks) data += DataFrameOf(chunk.id, chunk.bytes);
  batch.set_data_frames(static_cast<uint32_t>(file.chunks.size()));
  EXPECT_EQ(PutBatch(batch, data).code(), absl::StatusCode::kInvalidArgument);
}

// delta stands still, so that nothing is answered meanwhile.
TEST_F(LyingClientTest, MoreInFlightThanGranted) {
  WireClient requests(stack_.server());
  ASSERT_TRUE(requests.Greet().ok());
  stack_.delta().process().Signal(SIGSTOP);
  wire::v1::Stat stat;
  stat.mutable_version()->set_path("file");
  for (uint16_t request = 1; request <= 17; ++request) {
    requests.Send(FrameType::kStat, request, stat);
  }
  const absl::Status refused = requests.ReadUntil(FrameType::kChanged).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_TRUE(requests.ReadToEnd());
  stack_.delta().process().Signal(SIGCONT);
}

// delta takes nothing in meanwhile: the data goes to the disk and does not gather in memory.
TEST_F(LyingClientTest, DataWithoutWaitingForAnyAnswer) {
  const TestFile file(RandomText(100 << 20, 1));
  WireClient client(stack_.server());
  ASSERT_TRUE(client.Greet().ok());
  ASSERT_TRUE(OpenUpload(&client, kRequest, "large").ok());
  const auto wanted = OfferFile(&client, kRequest, file);
  ASSERT_TRUE(wanted.ok()) << wanted.status();
  const uint64_t before = PeakKib(stack_.transfer().process().pid());
  stack_.delta().process().Signal(SIGSTOP);
  for (const auto& chunk : *wanted) {
    ASSERT_TRUE(client.SendBytes(DataFrameOf(chunk.id, chunk.bytes)));
  }
  EXPECT_LT(PeakKib(stack_.transfer().process().pid()) - before, 80u << 10);
  stack_.delta().process().Signal(SIGCONT);
  const auto done = CommitUpload(&client, kRequest, file);
  EXPECT_TRUE(done.ok()) << done.status();
}

// A file that says of itself that it has 2^58 bytes, in 7 KB of nodes and one chunk.
TEST_F(LyingClientTest, ATreeThatIsABomb) {
  Tree tree;
  const std::string bytes = RandomText(kMaxChunkBytes, 4);
  Entry entry = tree.AddChunk(bytes);
  for (uint8_t level = 0; level < 5; ++level) {
    for (size_t count = kMaxNodeEntries; count > 0; --count) {  // any, unless the entry ends it
      Node node{level, std::vector<Entry>(count, entry)};
      if (!DecodeNode(AsBytes(EncodeNode(node))).ok()) continue;
      tree.Add(node);
      entry = tree.Last();
      break;
    }
  }
  ASSERT_GT(tree.size, uint64_t{1} << 50);
  WireClient client(stack_.server());
  ASSERT_TRUE(client.Greet().ok());
  ASSERT_TRUE(PutTree(&client, tree, "bomb").ok());
  const uint64_t before = PeakKib(stack_.transfer().process().pid());
  const uint64_t delta_before = PeakKib(stack_.delta().process().pid());
  // Its list of chunks has no end; whoever asks for it may go.
  wire::v1::GetEntries question;
  question.mutable_version()->set_path("bomb");
  client.Send(FrameType::kGetEntries, kRequest, question);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client.ReadUntil(FrameType::kEntries).ok()) << i;
  client.Close();
  // Its last byte is as near as any other.
  WireClient other(stack_.server());
  ASSERT_TRUE(other.Greet().ok());
  wire::v1::Get get;
  auto* item = get.add_items();
  item->mutable_version()->set_path("bomb");
  item->add_ranges()->set_offset(tree.size - 1);
  item->mutable_ranges(0)->set_length(1);
  const auto got = DownloadAll(&other, kRequest, get);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->content == bytes);
  EXPECT_LT(PeakKib(stack_.transfer().process().pid()) - before, 50u << 10);
  EXPECT_LT(PeakKib(stack_.delta().process().pid()) - delta_before, 50u << 10);
}

TEST_F(LyingClientTest, NodesWithoutEndAndNoneOfTheirChunks) {
  WireClient client(stack_.server());
  ASSERT_TRUE(client.Greet().ok());
  ASSERT_TRUE(OpenUpload(&client, kRequest, kPath).ok());
  absl::Status status;
  for (uint64_t ordinal = 0; ordinal < 300 && status.ok(); ++ordinal) {
    Node leaf;
    for (size_t i = 0; i < kMaxNodeEntries; ++i) {
      leaf.entries.push_back({AnyDigest::Load(AsBytes(RandomBytes(kDigestBytes)).data()), 1});
      leaf.entries.back().id.data()[kDigestBytes - 1] |= 1;
    }
    const std::string encoding = EncodeNode(leaf);
    wire::v1::PutOffer offer;
    offer.set_node_ids(std::string(IdOfNode(AsBytes(encoding)).view()));
    status = client.Call(FrameType::kPutOffer, kRequest, offer, FrameType::kPutKnown).status();
    if (!status.ok()) break;
    wire::v1::PutNode put;
    put.set_ordinal(ordinal);
    put.set_encoding(encoding);
    status = client.Call(FrameType::kPutNode, kRequest, put, FrameType::kPutWanted).status();
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

TEST_F(LyingClientTest, FramesThatNoClientSends) {
  for (const FrameType type : {FrameType::kPutDone, FrameType::kWelcome, FrameType::kGetItems,
                               FrameType::kPutStored, FrameType::kGoodbye}) {
    WireClient client(stack_.server());
    ASSERT_TRUE(client.Greet().ok());
    client.SendEmpty(type, kRequest);
    EXPECT_FALSE(client.ReadUntil(FrameType::kStatusReply).ok());
    EXPECT_TRUE(client.ReadToEnd()) << FrameTypeName(type);
  }
}

}  // namespace
}  // namespace dray::testing
