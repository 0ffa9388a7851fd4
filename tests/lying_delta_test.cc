// A server that lies to a `dray` which completes a file by nodes and deltas: nothing wrong is kept,
// and where the truth is to be had, the file is got all the same.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "dray/wire/v1/wire.pb.h"
#include "tests/lying_server.h"
#include "tests/support/files.h"

namespace dray::testing {
namespace {

// Lies about the nodes of the tree by which a file is completed.
std::vector<Lie> NodeLies() {
  using wire::v1::Nodes;
  const auto nodes = [](void (*change)(Nodes * nodes)) {
    return Changing<Nodes>(FrameType::kNodes, change);
  };
  const auto raw = [](void (*change)(std::string * encodings)) {
    return Changing<Nodes>(FrameType::kNodes, [change](Nodes* answer) {
      answer->set_raw_bytes(0);
      answer->clear_bases();
      change(answer->mutable_encodings());
    });
  };
  return {{"nothing", nodes([](Nodes* answer) { answer->Clear(); })},
          {"noise", raw([](std::string* encodings) { *encodings = RandomText(3000, 9); })},
          {"a node without entries",
           raw([](std::string* encodings) { *encodings = std::string("drn\1\1\0\0\0", 8); })},
          {"half a node", raw([](std::string* encodings) { encodings->resize(7); })},
          {"a node of 65,535 entries",
           raw([](std::string* encodings) { *encodings = "drn\1\1\5\xff\xff"; })},
          {"4 GiB of nodes", nodes([](Nodes* answer) { answer->set_raw_bytes(0xFFFFFFFF); })},
          {"one byte more",
           nodes([](Nodes* answer) { answer->set_raw_bytes(answer->raw_bytes() + 1); })},
          {"a bomb", nodes([](Nodes* answer) {
             answer->set_encodings(Compressed(std::string(32 << 20, '\0')));
             answer->set_raw_bytes(10'000);
           })},
          {"a base that was not named", nodes([](Nodes* answer) {
             answer->set_raw_bytes(2000);
             answer->add_bases(4'000'000'000);
           })},
          {"another answer", [](FrameType type, std::string* frame) {
             if (type == FrameType::kNodes) (*frame)[4] = static_cast<char>(FrameType::kEntries);
           }}};
}

TEST_F(LyingServerTest, AboutNodes) {
  const std::string contents = RandomText(kLarge, 4);
  server_.AddFile("file", contents);
  features_ = wire::v1::NODES;
  for (const Lie& lie : NodeLies()) GetFromLiar(lie, contents, contents.substr(1'000'000));
}

// A delta that makes something else is no delta: the chunk comes whole, and the file is right.
TEST_F(LyingServerTest, AboutDeltas) {
  using wire::v1::GetDelta;
  features_ = wire::v1::NODES | wire::v1::DOWNLOAD_DELTAS;
  const std::string before = RandomText(kLarge, 8);
  std::string contents = before;
  for (size_t at = 0; at < kLarge; at += 300'000) contents.replace(at, 9, "some text");
  const auto delta = [](void (*change)(GetDelta * delta)) {
    return Changing<GetDelta>(FrameType::kGetDelta, change);
  };
  const auto lies = [&]() -> std::vector<Lie> {
    return {{"nothing", delta([](GetDelta* answer) { answer->Clear(); })},
            {"noise", delta([](GetDelta* answer) { answer->set_delta(RandomText(3000, 9)); })},
            {"a bomb", delta([](GetDelta* answer) {
               answer->set_delta(Compressed(std::string(32 << 20, '\0')));
               answer->set_raw_bytes(100'000);
             })},
            {"4 GiB", delta([](GetDelta* answer) {
               answer->set_raw_bytes(0xFFFFFFFF);
               answer->set_delta("much");
             })},
            {"a changed byte", delta([](GetDelta* answer) {
               answer->mutable_delta()->at(answer->delta().size() / 2) ^= 1;
             })},
            {"the delta before it",
             Changing<GetDelta>(FrameType::kGetDelta,
                                [last = std::make_shared<std::string>()](GetDelta* answer) {
                                  last->swap(*answer->mutable_delta());
                                })}};
  };
  // Nothing of this was ever put.
  std::string changed_here = before;
  for (size_t at = 100; at < kLarge; at += 15'000) changed_here.replace(at, 4, "here");
  for (const bool known : {true, false}) {
    if (known) server_.AddFile("file", before);
    server_.AddFile("file", contents);
    for (const Lie& lie : lies()) {
      SCOPED_TRACE(lie.name + (known ? ", with ids" : ", with signatures"));
      WriteFile(Path("target/file"), known ? before : changed_here);
      const int asked = server_.FramesSeen(FrameType::kGet);
      Script(lie.rewrite);
      const CommandResult got = Dray({"get", ":/file", Path("target/file")});
      EXPECT_EQ(got.status, 0) << got.err;
      EXPECT_GT(server_.FramesSeen(FrameType::kGet), asked + 1) << "nothing came whole";
      EXPECT_TRUE(ReadFile(Path("target/file")) == contents);
      EXPECT_LT(peak_kib_, kMemoryKib);
    }
  }
}

TEST_F(LyingServerTest, AboutBases) {
  using Items = wire::v1::GetItems;
  features_ = wire::v1::NODES | wire::v1::DOWNLOAD_DELTAS;
  const std::string before = RandomText(kLarge, 8);
  std::string contents = before;
  contents.replace(1'500'000, 9, "some text");
  server_.AddFile("file", before);
  server_.AddFile("file", contents);
  const std::vector<Lie> lies = {
      {"a base that was not named is not known",
       Changing<Items>(FrameType::kGetItems,
                       [](Items* items) { items->mutable_items(0)->add_unknown_bases(7); })},
      {"every delta twice",
       [](FrameType type, std::string* frame) {
         if (type == FrameType::kGetDelta) *frame += *frame;
       }},
      {"no deltas", [](FrameType type, std::string* frame) {
         if (type == FrameType::kGetDelta) frame->clear();
       }}};
  for (const Lie& lie : lies) GetFromLiar(lie, contents, before);
  // Deltas for what has no base.
  GetFromLiar({"a delta that nobody wants",
               [](FrameType type, std::string* frame) {
                 if (type == FrameType::kData)
                   (*frame)[4] = static_cast<char>(FrameType::kGetDelta);
               }},
              contents, "");
}

}  // namespace
}  // namespace dray::testing
