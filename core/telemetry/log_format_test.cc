#include "core/telemetry/log_format.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <spdlog/details/log_msg.h>
#include <stdlib.h>
#include <time.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace dray {
namespace {

class LogFormatTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("TZ", "XYZ-02", 1);  // two hours east of UTC
    tzset();
    pthread_getname_np(pthread_self(), name_before_, sizeof(name_before_));
    pthread_setname_np(pthread_self(), "io-3");
  }
  void TearDown() override { pthread_setname_np(pthread_self(), name_before_); }

  static std::string Format(spdlog::formatter& formatter, spdlog::level::level_enum level,
                            std::string_view text) {
    // 2026-01-31T22:05:09.042Z
    const spdlog::log_clock::time_point time{std::chrono::milliseconds(1769897109042)};
    const spdlog::details::log_msg message(time, spdlog::source_loc{}, "dray", level,
                                           {text.data(), text.size()});
    spdlog::memory_buf_t line;
    formatter.format(message, line);
    return std::string(line.data(), line.size());
  }

  char name_before_[16] = {};
};

TEST_F(LogFormatTest, TextIsTimeThreadLevelMessage) {
  const auto formatter = MakeTextFormatter();
  EXPECT_EQ(Format(*formatter, spdlog::level::info, "put a.txt"),
            "2026-02-01 00:05:09 - io-3 - INFO - put a.txt\n");
  EXPECT_EQ(Format(*formatter, spdlog::level::trace, ""),
            "2026-02-01 00:05:09 - io-3 - TRACE - \n");
  EXPECT_EQ(Format(*formatter, spdlog::level::debug, "d"),
            "2026-02-01 00:05:09 - io-3 - DEBUG - d\n");
  EXPECT_EQ(Format(*formatter, spdlog::level::warn, "w"),
            "2026-02-01 00:05:09 - io-3 - WARNING - w\n");
  EXPECT_EQ(Format(*formatter, spdlog::level::err, "e"),
            "2026-02-01 00:05:09 - io-3 - ERROR - e\n");
  EXPECT_EQ(Format(*formatter, spdlog::level::critical, "c"),
            "2026-02-01 00:05:09 - io-3 - CRITICAL - c\n");
}

TEST_F(LogFormatTest, ACloneFormatsAlike) {
  const auto formatter = MakeTextFormatter()->clone();
  EXPECT_EQ(Format(*formatter, spdlog::level::info, "x"),
            "2026-02-01 00:05:09 - io-3 - INFO - x\n");
}

TEST_F(LogFormatTest, AMessageCannotForgeALine) {
  const auto formatter = MakeTextFormatter();
  EXPECT_EQ(Format(*formatter, spdlog::level::info,
                   "put a\n2026-01-31 22:05:09 - main - ERROR - forged\r\x1b[2K"),
            "2026-02-01 00:05:09 - io-3 - INFO - put a\\x0a2026-01-31 22:05:09 - main - ERROR - "
            "forged\\x0d\\x1b[2K\n");
}

TEST_F(LogFormatTest, TheThreadNameCannotForgeALineEither) {
  pthread_setname_np(pthread_self(), "a\nb");
  const auto formatter = MakeTextFormatter();
  EXPECT_EQ(Format(*formatter, spdlog::level::info, "x"),
            "2026-02-01 00:05:09 - a\\x0ab - INFO - x\n");
}

TEST_F(LogFormatTest, JsonIsOneObjectALine) {
  const auto formatter = MakeJsonFormatter();
  EXPECT_EQ(Format(*formatter, spdlog::level::warn, "say \"hi\"\n\\ \x01 caf\xc3\xa9"),
            "{\"time\":\"2026-01-31T22:05:09.042Z\",\"thread\":\"io-3\",\"level\":\"WARNING\","
            "\"message\":\"say \\\"hi\\\"\\n\\\\ \\u0001 caf\xc3\xa9\"}\n");
}

TEST_F(LogFormatTest, AConnectionsIdIsAFieldOfItsOwnInJson) {
  const auto formatter = MakeJsonFormatter();
  const auto object = [&](std::string_view message) {
    return nlohmann::json::parse(Format(*formatter, spdlog::level::info, message), nullptr, false);
  };
  EXPECT_EQ(object("[c1f3a9c-2a] closed")["connection"], "c1f3a9c-2a");
  EXPECT_EQ(object("[c1f3a9c-2a] closed")["message"], "closed");
  for (const char* other : {"[c1F] x", "[x1-1] x", "[c1-1]x", "[c1", "c1-1 x", "[c\" ] x"}) {
    EXPECT_FALSE(object(other).contains("connection")) << other;
    EXPECT_EQ(object(other)["message"], other);
  }
  EXPECT_EQ(Format(*MakeTextFormatter(), spdlog::level::info, "[c1-1] x"),
            "2026-02-01 00:05:09 - io-3 - INFO - [c1-1] x\n");
}

TEST_F(LogFormatTest, JsonStaysValidWhateverTheBytes) {
  const auto formatter = MakeJsonFormatter();
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  const std::string line = Format(*formatter, spdlog::level::info, all);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(object.is_object());
  EXPECT_EQ(object.value("level", ""), "INFO");
}

TEST(EscapeControlsTest, KeepsTextAndEscapesTheRest) {
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(EscapeControls("plain \\x0a, caf\xc3\xa9, \xf0\x9f\x98\x80"),
            "plain \\x0a, caf\xc3\xa9, \xf0\x9f\x98\x80");
  EXPECT_EQ(EscapeControls("\t\0\x7f"sv), "\\x09\\x00\\x7f");
  EXPECT_EQ(EscapeControls("\xc2\x85\xc2\x9b"), "\\xc2\\x85\\xc2\\x9b");  // C1
  EXPECT_EQ(EscapeControls("\xe2\x80\xa8"), "\\xe2\\x80\\xa8");           // U+2028
  EXPECT_EQ(EscapeControls("\xff\xc3"), "\\xff\\xc3");                    // not UTF-8
  EXPECT_EQ(EscapeControls("\xc0\x8a"), "\\xc0\\x8a");                    // overlong
  EXPECT_EQ(EscapeControls("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");           // overlong
  EXPECT_EQ(EscapeControls("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(EscapeControls("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // too large
}

}  // namespace
}  // namespace dray
