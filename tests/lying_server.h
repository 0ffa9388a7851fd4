#ifndef DRAY_TESTS_LYING_SERVER_H_
#define DRAY_TESTS_LYING_SERVER_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "client/testing/fake_server.h"
#include "core/base/bytes.h"
#include "core/framing/frame.h"
#include "tests/support/files.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"
#include "tests/support/stack.h"

// What tests of `dray` against a server that lies share.
namespace dray::testing {

inline constexpr size_t kSmall = 2'000;
inline constexpr size_t kLarge = 3'000'000;  // completed from what is there, and resumed

// What `dray` may use whatever it is told; each list without end is longer.
inline constexpr uint64_t kMemoryKib = 100 << 10;

using Rewrite = std::function<void(FrameType type, std::string* frame)>;

// Lets `change` change the messages of one type of frame.
template <typename Message, typename ChangeMessage>
Rewrite Changing(FrameType wanted, ChangeMessage change) {
  return [wanted, change](FrameType type, std::string* frame) {
    if (type != wanted) return;
    const auto header = DecodeFrameHeader(AsBytes(*frame).data(), kMaxFramePayloadBytes);
    ASSERT_TRUE(header.ok());
    Message message;
    ASSERT_TRUE(message.ParseFromString(frame->substr(kFrameHeaderBytes)));
    change(&message);
    frame->clear();
    AppendControlFrame(type, header->request, message, frame);
  };
}

// One zstd frame.
inline std::string Compressed(const std::string& raw) {
  std::string body(ZSTD_compressBound(raw.size()), '\0');
  body.resize(ZSTD_compress(body.data(), body.size(), raw.data(), raw.size(), 1));
  return body;
}

struct Lie {
  std::string name;
  Rewrite rewrite;
  // A small file is whole, and proven, before this one shows.
  bool shows_late = false;
};

// A scripted server, a folder to get things into, and `dray`.
class LyingServerTest : public ::testing::Test {
 protected:
  LyingServerTest() {
    MakeFolder(Path("outside"));
    WriteFile(Path("outside/victim"), "untouched");
    MakeFolder(Path("target"));
    for (const char* name : {"out", "err"}) WriteFile(Path(name), "");
    entries_ = CountEntriesBesideTarget();
  }
  // Whatever happened, it happened in the target.
  ~LyingServerTest() override {
    EXPECT_EQ(CountEntries(Path("outside")), 1u);
    EXPECT_EQ(ReadFile(Path("outside/victim")), "untouched");
    EXPECT_EQ(CountEntriesBesideTarget(), entries_);
  }
  uint64_t CountEntriesBesideTarget() const {
    return CountEntries(scratch_.folder()) - CountEntries(Path("target"));
  }

  std::string Path(const std::string& name) const { return scratch_.Path(name); }

  CommandResult Dray(std::vector<std::string> arguments) {
    Process::Options options;
    options.command = {ProgramPath("dray")};
    options.command.insert(options.command.end(), arguments.begin(), arguments.end());
    options.command.insert(options.command.end(), {"--server", server_.address().ToString(),
                                                   "--retries", "0", "--connections", "1"});
    for (const char* name : {"out", "err"}) WriteFile(Path(name), "");  // else it is added to
    options.output_file = Path("out");
    options.error_file = Path("err");
    options.folder = Path("target");
    Process process(options);
    const absl::Time deadline = absl::Now() + absl::Minutes(1);
    peak_kib_ = 0;
    while (!process.Poll() && absl::Now() < deadline) {
      peak_kib_ = std::max(peak_kib_, PeakKib(process.pid()));
      absl::SleepFor(absl::Milliseconds(1));
    }
    const auto ended = process.Poll();
    EXPECT_TRUE(ended.has_value()) << "it hangs";
    return {ended ? ended->status() : -1, ReadFile(Path("out")), ReadFile(Path("err"))};
  }
  void Script(Rewrite rewrite) {
    FakeServer::Script script;
    script.features = features_;
    script.rewrite = std::move(rewrite);
    server_.SetScript(script);
  }
  void ExpectFailure(const CommandResult& result, const std::string& lie) {
    EXPECT_THAT(result.status, ::testing::AnyOf(1, 3)) << lie << result.out << result.err;
    EXPECT_THAT(result.err, ::testing::Not(::testing::IsEmpty())) << lie;
  }
  // Gets a file from the liar, which leaves the target as it is, and then from an honest server,
  // which makes it right whatever the liar has left behind.
  void GetFromLiar(const Lie& lie, const std::string& contents, const std::string& before) {
    SCOPED_TRACE(lie.name);
    const std::string target = Path("target/file");
    if (!before.empty()) WriteFile(target, before);
    Script(lie.rewrite);
    const CommandResult got = Dray({"get", ":/file", target});
    EXPECT_LT(peak_kib_, kMemoryKib);
    if (lie.shows_late && got.status == 0) {
      EXPECT_TRUE(ReadFile(target) == contents);
    } else {
      ExpectFailure(got, lie.name);
      EXPECT_EQ(Exists(target), !before.empty());
      EXPECT_TRUE(before.empty() || ReadFile(target) == before);
    }
    Script({});
    const CommandResult honest = Dray({"get", ":/file", target});
    EXPECT_EQ(honest.status, 0) << honest.err;
    EXPECT_TRUE(ReadFile(target) == contents);
    EXPECT_EQ(CountEntries(Path("target")), 1u) << "something is left beside it";
    RemoveFile(target);
  }

  FakeServer server_;
  uint32_t features_ = 0;
  Scratch scratch_{100 << 20};
  uint64_t entries_ = 0;
  uint64_t peak_kib_ = 0;  // of the last `dray`
};

}  // namespace dray::testing

#endif  // DRAY_TESTS_LYING_SERVER_H_
