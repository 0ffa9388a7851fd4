// A server that lies to `dray`: nothing outside the target is touched, nothing wrong is kept, and
// the user is told. The server is scripted; the client is the real program.
#include "tests/lying_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/framing/data_frame.h"
#include "dray/wire/v1/wire.pb.h"
#include "tests/support/files.h"

namespace dray::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string EmptyFrame(FrameType type, uint16_t request) {
  std::string frame;
  AppendEmptyFrame(type, request, &frame);
  return frame;
}

// The frame of a chunk with the id and the length of `frame`, and a compressed body of other bytes.
std::string WithBody(const std::string& frame, const std::string& body) {
  const auto parsed = ParseDataFrame(AsBytes(frame));
  EXPECT_TRUE(parsed.ok());
  std::string out;
  AppendDataFrame(
      {.id = parsed->id, .raw_bytes = parsed->raw_bytes, .zstd = true, .body = AsBytes(body)},
      &out);
  return out;
}

// Lies about contents, whatever the file's size.
std::vector<Lie> ContentLies() {
  using Items = wire::v1::GetItems;
  std::vector<Lie> lies;
  const auto with_body = [](const std::string& raw) -> Rewrite {
    return [body = Compressed(raw)](FrameType type, std::string* frame) {
      if (type == FrameType::kData) *frame = WithBody(*frame, body);
    };
  };
  lies.push_back(
      {"a bomb: a chunk that expands to 32 MiB", with_body(std::string(32 << 20, '\0'))});
  lies.push_back({"a chunk that expands to too little", with_body("little")});
  lies.push_back({"a chunk said to have 4 GiB", [](FrameType type, std::string* frame) {
                    if (type != FrameType::kData) return;
                    for (size_t i = 0; i < 4; ++i) (*frame)[kFrameHeaderBytes + 32 + i] = '\xff';
                  }});
  lies.push_back({"a data frame without a body", [](FrameType type, std::string* frame) {
                    if (type != FrameType::kData) return;
                    frame->resize(kDataFrameOverheadBytes);
                    StoreBigEndian<uint32_t>(reinterpret_cast<uint8_t*>(frame->data()),
                                             kDataFrameOverheadBytes - kFrameHeaderBytes);
                  }});
  lies.push_back({"a flipped bit", [](FrameType type, std::string* frame) {
                    if (type == FrameType::kData) frame->back() ^= 1;
                  }});
  lies.push_back({"a frame longer than any may be", [](FrameType type, std::string* frame) {
                    if (type == FrameType::kData) (*frame)[0] = '\x7f';
                  }});
  lies.push_back({"a frame of no known type", [](FrameType type, std::string* frame) {
                    if (type == FrameType::kData) (*frame)[4] = '\x7e';
                  }});
  lies.push_back({"no data", [](FrameType type, std::string* frame) {
                    if (type == FrameType::kData) frame->clear();
                  }});
  lies.push_back({"every chunk twice",
                  [](FrameType type, std::string* frame) {
                    if (type == FrameType::kData) *frame += *frame;
                  },
                  /*shows_late=*/true});
  lies.push_back({"data after the end",
                  [last = std::make_shared<std::string>()](FrameType type, std::string* frame) {
                    if (type == FrameType::kData) *last = *frame;
                    if (type == FrameType::kGetEnd) *frame += *last;
                  },
                  /*shows_late=*/true});
  lies.push_back({"every chunk too late",
                  [last = std::make_shared<std::string>()](FrameType type, std::string* frame) {
                    if (type == FrameType::kData) last->swap(*frame);
                    if (type == FrameType::kGetEnd) *frame += *last;
                  }});
  lies.push_back({"an end before the data", [](FrameType type, std::string* frame) {
                    if (type != FrameType::kGetItems) return;
                    const auto header = DecodeFrameHeader(AsBytes(*frame).data(), 1 << 20);
                    *frame += EmptyFrame(FrameType::kGetEnd, header->request);
                  }});
  lies.push_back({"two answers", [](FrameType type, std::string* frame) {
                    if (type == FrameType::kGetItems) *frame += *frame;
                  }});
  lies.push_back({"an answer about nothing",
                  Changing<Items>(FrameType::kGetItems, [](Items* items) { items->Clear(); })});
  lies.push_back({"an answer about too much",
                  Changing<Items>(FrameType::kGetItems,
                                  [](Items* items) { *items->add_items() = items->items(0); })});
  lies.push_back({"an answer that is no message", [](FrameType type, std::string* frame) {
                    if (type != FrameType::kGetItems) return;
                    for (size_t i = kFrameHeaderBytes; i < frame->size(); ++i) (*frame)[i] = '\xff';
                  }});
  return lies;
}

// Sizes that do not add up.
std::vector<Lie> SizeLies() {
  using Items = wire::v1::GetItems;
  const auto stat = [](uint64_t (*size)(uint64_t)) {
    return Changing<wire::v1::Changed>(FrameType::kChanged, [size](wire::v1::Changed* changed) {
      auto* metadata = changed->mutable_version()->mutable_metadata();
      metadata->set_size(size(metadata->size()));
    });
  };
  // The same lie everywhere.
  const auto everywhere = [stat](uint64_t (*size)(uint64_t)) -> Rewrite {
    const Rewrite in_items = Changing<Items>(FrameType::kGetItems, [size](Items* items) {
      auto* item = items->mutable_items(0);
      item->set_data_bytes(size(item->data_bytes()));
      auto* metadata = item->mutable_version()->mutable_metadata();
      metadata->set_size(size(metadata->size()));
    });
    return [in_stat = stat(size), in_items](FrameType type, std::string* frame) {
      in_stat(type, frame);
      in_items(type, frame);
    };
  };
  const auto one_more = [](uint64_t size) { return size + 1; };
  const auto one_less = [](uint64_t size) { return size - 1; };
  const auto far_more = [](uint64_t size) { return size + 2'000'000; };
  const auto huge = [](uint64_t) { return uint64_t{1} << 62; };
  const auto impossible = [](uint64_t) { return ~uint64_t{0}; };
  return {{"one byte more", stat(one_more)},
          {"one byte less", stat(one_less)},
          {"impossibly many bytes", stat(impossible)},
          {"everywhere one byte more", everywhere(one_more)},
          {"everywhere one byte less", everywhere(one_less)},
          {"everywhere 2 MB more", everywhere(far_more)},
          {"everywhere 4 EiB", everywhere(huge)}};
}

// Lies about the list of chunks by which a file is completed.
std::vector<Lie> EntryLies() {
  using wire::v1::Entries;
  const auto entries = [](void (*change)(std::string * list)) {
    return Changing<Entries>(FrameType::kEntries,
                             [change](Entries* answer) { change(answer->mutable_entries()); });
  };
  return {{"another chunk", entries([](std::string* list) { (*list)[5] ^= 1; })},
          {"another length", entries([](std::string* list) { (*list)[35] ^= 1; })},
          {"a length of 4 GiB",
           entries([](std::string* list) { list->replace(32, 4, "\xff\xff\xff\xff"); })},
          {"a length of 0", entries([](std::string* list) { list->replace(32, 4, 4, '\0'); })},
          {"half an entry", entries([](std::string* list) { list->pop_back(); })},
          {"one entry too many", entries([](std::string* list) { *list += list->substr(0, 36); })},
          {"one entry too few", entries([](std::string* list) { list->erase(0, 36); })},
          {"no entries", entries([](std::string* list) { list->clear(); })},
          {"no entries, for ever", [](FrameType type, std::string* frame) {
             if (type != FrameType::kEntries) return;
             const auto header = DecodeFrameHeader(AsBytes(*frame).data(), kMaxFramePayloadBytes);
             *frame = EmptyFrame(type, header->request) + *frame;
           }}};
}

// A list of `count` chunks of one byte each, none of them the last.
Rewrite LongList(size_t count) {
  std::string entries;
  for (uint64_t i = 0; i < 7'000; ++i) {
    std::string entry(36, '\0');
    StoreBigEndian<uint64_t>(reinterpret_cast<uint8_t*>(entry.data()), i);
    entry.back() = 1;
    entries += entry;
  }
  return [entries, count](FrameType type, std::string* frame) {
    if (type != FrameType::kEntries) return;
    const auto header = DecodeFrameHeader(AsBytes(*frame).data(), kMaxFramePayloadBytes);
    wire::v1::Entries answer;
    answer.set_entries(entries);
    frame->clear();
    for (size_t sent = 0; sent < count; sent += 7'000) {
      AppendControlFrame(type, header->request, answer, frame);
    }
  };
}

TEST_F(LyingServerTest, AboutContents) {
  for (const Lie& lie : ContentLies()) {
    server_.AddFile("file", RandomText(kSmall, 1));
    GetFromLiar(lie, RandomText(kSmall, 1), "old");
  }
}

TEST_F(LyingServerTest, AboutContentsOfALargeFile) {
  const std::string contents = RandomText(kLarge, 2);
  server_.AddFile("file", contents);
  for (const Lie& lie : ContentLies()) {
    GetFromLiar(lie, contents, "");
    GetFromLiar(lie, contents, contents.substr(1'000'000));  // completed from an older file
  }
}

TEST_F(LyingServerTest, AboutSizes) {
  const std::string large = RandomText(kLarge, 3);
  for (const Lie& lie : SizeLies()) {
    server_.AddFile("file", RandomText(kSmall, 3));
    GetFromLiar(lie, RandomText(kSmall, 3), "old");
    server_.AddFile("file", large);
    GetFromLiar(lie, large, "");
    GetFromLiar(lie, large, large.substr(1'000'000));
  }
}

TEST_F(LyingServerTest, AboutTheListOfChunks) {
  const std::string contents = RandomText(kLarge, 4);
  server_.AddFile("file", contents);
  for (const Lie& lie : EntryLies()) GetFromLiar(lie, contents, contents.substr(1'000'000));
}

// Neither a list that goes on for ever, nor one that its size allows, fills the memory.
TEST_F(LyingServerTest, WithListsWithoutEnd) {
  const std::string contents = RandomText(kLarge, 4);
  server_.AddFile("file", contents);
  for (const uint64_t size : {uint64_t{0}, uint64_t{4} << 30, uint64_t{1} << 62}) {
    const Rewrite list = LongList(4'000'000);
    const Rewrite stat =
        Changing<wire::v1::Changed>(FrameType::kChanged, [size](wire::v1::Changed* changed) {
          if (size > 0) changed->mutable_version()->mutable_metadata()->set_size(size);
        });
    const Lie lie = {"a list of 4 million chunks", [=](FrameType type, std::string* frame) {
                       list(type, frame);
                       stat(type, frame);
                     }};
    GetFromLiar(lie, contents, contents.substr(1'000'000));
  }
}

TEST_F(LyingServerTest, AboutNames) {
  const auto entry = [](const std::string& path, wire::v1::EntryKind kind) {
    wire::v1::Version version;
    version.set_path(path);
    version.set_number(1);
    version.mutable_metadata()->set_kind(kind);
    version.mutable_metadata()->set_mode(0755);
    return version;
  };
  server_.AddVersion(entry("a", wire::v1::FOLDER));
  server_.AddFile("evil", "evil");
  const std::string evil_root = server_.Find("evil")->root();
  const std::vector<std::string> paths = {"../outside/victim",
                                          "a/../../outside/victim",
                                          Path("outside/victim"),
                                          "a//f",
                                          "a/./f",
                                          "a/..",
                                          std::string("a/nul\0byte", 10),
                                          "a/" + std::string(256, 'n'),
                                          "b/f",
                                          ""};
  for (const std::string& path : paths) {
    for (const auto kind : {wire::v1::FILE, wire::v1::FOLDER, wire::v1::SYMLINK}) {
      FakeServer::Script script;
      script.listing = {entry(path, kind)};
      (*script.listing)[0].mutable_metadata()->set_size(4);
      (*script.listing)[0].set_root(evil_root);
      (*script.listing)[0].mutable_metadata()->set_symlink_target(Path("outside"));
      server_.SetScript(script);
      ExpectFailure(Dray({"get", ":/a", Path("target/a")}), path);
      EXPECT_EQ(CountEntries(Path("target")), 1u) << path;
      std::filesystem::remove_all(Path("target/a"));
    }
  }
}

// What the server calls a link leads nothing out, neither now nor at the next get.
TEST_F(LyingServerTest, WithLinks) {
  wire::v1::Version link;
  link.set_path("a/sub");
  link.set_number(1);
  link.mutable_metadata()->set_kind(wire::v1::SYMLINK);
  link.mutable_metadata()->set_symlink_target(Path("outside"));
  wire::v1::Version folder = link;
  folder.set_path("a");
  folder.mutable_metadata()->set_kind(wire::v1::FOLDER);
  server_.AddVersion(folder);
  server_.AddFile("a/sub/victim", "evil");
  server_.AddFile("a/sub/large", RandomText(kLarge, 5));
  FakeServer::Script script;
  script.listing = {link, *server_.Find("a/sub/victim"), *server_.Find("a/sub/large"), link};
  server_.SetScript(script);
  for (int round = 0; round < 2; ++round) {
    ExpectFailure(Dray({"get", ":/a", Path("target/a")}), "link");
    EXPECT_EQ(CountEntries(Path("outside")), 1u);
  }
}

TEST_F(LyingServerTest, ToAPut) {
  using wire::v1::PutBatchDone;
  WriteFile(Path("target/small"), RandomText(kSmall, 6));
  WriteFile(Path("target/large"), RandomText(kLarge, 7));
  const auto answer = [](void (*change)(PutBatchDone * done)) {
    return Changing<PutBatchDone>(FrameType::kPutBatchDone, change);
  };
  const std::vector<Lie> small = {
      {"no answers", answer([](PutBatchDone* done) { done->Clear(); })},
      {"an answer that says nothing",
       answer([](PutBatchDone* done) { done->mutable_answers(0)->Clear(); })},
      {"too many answers", answer([](PutBatchDone* done) { done->add_answers(); })},
      {"for ever the same chunk", answer([](PutBatchDone* done) {
         done->mutable_answers(0)->Clear();
         done->mutable_answers(0)->add_missing(0);
       })},
      {"a chunk that the file does not have", answer([](PutBatchDone* done) {
         done->mutable_answers(0)->Clear();
         done->mutable_answers(0)->add_missing(4'000'000'000);
       })},
      {"an error that is none",
       answer([](PutBatchDone* done) { done->mutable_answers(0)->mutable_error()->set_code(0); })}};
  for (const Lie& lie : small) {
    Script(lie.rewrite);
    ExpectFailure(Dray({"put", Path("target/small"), ":/small"}), lie.name);
  }
  using wire::v1::PutKnown;
  using wire::v1::PutStored;
  using wire::v1::PutWanted;
  const std::vector<Lie> large = {
      {"an answer about nodes not offered",
       Changing<PutKnown>(FrameType::kPutKnown, [](PutKnown* known) { known->set_answered(99); })},
      {"an unknown node that was not offered",
       Changing<PutKnown>(FrameType::kPutKnown, [](PutKnown* known) { known->add_unknown(7); })},
      {"chunks that the node does not have",
       Changing<PutWanted>(FrameType::kPutWanted,
                           [](PutWanted* wanted) { wanted->add_missing(256); })},
      {"chunks out of order",
       Changing<PutWanted>(FrameType::kPutWanted,
                           [](PutWanted* wanted) { wanted->add_missing(0); })},
      {"chunks of a node that was not sent",
       Changing<PutWanted>(FrameType::kPutWanted,
                           [](PutWanted* wanted) { wanted->set_ordinal(1000); })},
      {"more stored than sent", Changing<PutStored>(FrameType::kPutStored, [](PutStored* stored) {
         stored->set_bytes(~uint64_t{0});
       })}};
  for (const Lie& lie : large) {
    Script(lie.rewrite);
    const CommandResult put = Dray({"put", Path("target/large"), ":/large"});
    ExpectFailure(put, lie.name);
    EXPECT_THAT(put.err, HasSubstr("broke the protocol")) << lie.name;
  }
}

// What a server says is text for people: it moves no cursor and sets no title.
TEST_F(LyingServerTest, WithCommandsForTheTerminal) {
  FakeServer::Script script;
  script.on_frame = [](FrameType type, int) {
    return type == FrameType::kStat || type == FrameType::kList ? FakeServer::Action::kRefuse
                                                                : FakeServer::Action::kServe;
  };
  script.refusal.set_code(static_cast<int>(absl::StatusCode::kInternal));
  script.refusal.set_message(
      "\x1b]0;owned\x07\x1b[2J\xc2\x9b"
      "31m see \\\\x01 " +
      std::string(500'000, 'x'));
  server_.SetScript(script);
  const CommandResult got = Dray({"get", ":/file", Path("target/file")});
  ExpectFailure(got, "escapes");
  EXPECT_THAT(got.err, HasSubstr("\\x1b]0;owned\\x07"));
  EXPECT_THAT(got.err, HasSubstr("see \\\\x01 ")) << "names in it are escaped already";
  EXPECT_THAT(got.err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(got.err, Not(HasSubstr("\xc2\x9b")));
  EXPECT_LT(got.err.size(), 10'000u);
}

}  // namespace
}  // namespace dray::testing
