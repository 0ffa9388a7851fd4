#include "core/telemetry/log_format.h"

#include <pthread.h>
#include <spdlog/details/fmt_helper.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/details/os.h>
#include <spdlog/pattern_formatter.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_format.h"

namespace dray {
namespace {

constexpr size_t kMaxConnectionIdBytes = 64;

std::string_view LevelName(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::trace:
      return "TRACE";
    case spdlog::level::debug:
      return "DEBUG";
    case spdlog::level::info:
      return "INFO";
    case spdlog::level::warn:
      return "WARNING";
    case spdlog::level::err:
      return "ERROR";
    default:
      return "CRITICAL";
  }
}

std::string ThreadName() {
  char name[16] = {};
  if (pthread_getname_np(pthread_self(), name, sizeof(name)) != 0) return "unknown";
  return name;
}

std::string_view View(const spdlog::string_view_t& text) { return {text.data(), text.size()}; }

void Append(spdlog::memory_buf_t& buffer, std::string_view text) {
  buffer.append(text.data(), text.data() + text.size());
}

struct Decoded {
  uint32_t code_point = 0;
  size_t length = 0;  // 0: not valid UTF-8
};

// The character at the start of `text`, which is not empty. Overlong forms, surrogates and what
// lies beyond U+10FFFF are invalid.
Decoded DecodeUtf8(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return {first, 1};
  const size_t length = first >= 0xF5   ? 0
                        : first >= 0xF0 ? 4
                        : first >= 0xE0 ? 3
                        : first >= 0xC2 ? 2
                                        : 0;
  if (length == 0 || text.size() < length) return {};
  uint32_t code_point = first & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code_point = (code_point << 6) | (byte(i) & 0x3F);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (code_point < kSmallest[length] || code_point > 0x10FFFF || surrogate) return {};
  return {code_point, length};
}

bool IsHarmless(uint32_t code_point) {
  const bool control = code_point < 0x20 || (code_point >= 0x7F && code_point <= 0x9F);
  return !control && code_point != 0x2028 && code_point != 0x2029;
}

class TextFlag : public spdlog::custom_flag_formatter {
 public:
  using Write = void (*)(const spdlog::details::log_msg&, spdlog::memory_buf_t&);
  explicit TextFlag(Write write) : write_(write) {}
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& line) override {
    write_(message, line);
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<TextFlag>(write_);
  }

 private:
  Write write_;
};

void WriteThread(const spdlog::details::log_msg&, spdlog::memory_buf_t& line) {
  Append(line, EscapeControls(ThreadName()));
}

void WriteLevel(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) {
  Append(line, LevelName(message.level));
}

void WriteMessage(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) {
  Append(line, EscapeControls(View(message.payload)));
}

// "c1f3a9c-2a" of "[c1f3a9c-2a] text"; empty if it does not begin so.
std::string_view ConnectionOf(std::string_view message) {
  if (!message.starts_with("[c")) return {};
  const size_t end = message.find("] ");
  if (end == std::string_view::npos || end > kMaxConnectionIdBytes + 1) return {};
  const std::string_view id = message.substr(1, end - 1);
  return IsConnectionId(id) ? id : std::string_view();
}

class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    const auto since_epoch =
        std::chrono::duration_cast<std::chrono::milliseconds>(message.time.time_since_epoch());
    const std::tm time = spdlog::details::os::gmtime(spdlog::log_clock::to_time_t(message.time));
    nlohmann::ordered_json object;
    object["time"] = absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", time.tm_year + 1900,
                                     time.tm_mon + 1, time.tm_mday, time.tm_hour, time.tm_min,
                                     time.tm_sec, since_epoch.count() % 1000);
    object["thread"] = ThreadName();
    object["level"] = LevelName(message.level);
    std::string_view text = View(message.payload);
    if (const std::string_view connection = ConnectionOf(text); !connection.empty()) {
      object["connection"] = connection;
      text.remove_prefix(connection.size() + 3);
    }
    object["message"] = text;
    Append(line, object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    Append(line, "\n");
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonFormatter>();
  }
};

}  // namespace

bool IsConnectionId(std::string_view id) {
  return id.starts_with('c') && id.size() <= kMaxConnectionIdBytes &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

std::string EscapeControls(std::string_view text) {
  std::string escaped;
  escaped.reserve(text.size());
  while (!text.empty()) {
    const Decoded decoded = DecodeUtf8(text);
    const size_t length = decoded.length == 0 ? 1 : decoded.length;
    if (decoded.length != 0 && IsHarmless(decoded.code_point)) {
      escaped.append(text.substr(0, length));
    } else {
      for (size_t i = 0; i < length; ++i) {
        absl::StrAppendFormat(&escaped, "\\x%02x", static_cast<uint8_t>(text[i]));
      }
    }
    text.remove_prefix(length);
  }
  return escaped;
}

std::unique_ptr<spdlog::formatter> MakeTextFormatter() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::local);
  formatter->add_flag<TextFlag>('*', WriteThread);
  formatter->add_flag<TextFlag>('&', WriteLevel);
  formatter->add_flag<TextFlag>('?', WriteMessage);
  formatter->set_pattern("%Y-%m-%d %H:%M:%S - %* - %& - %?");
  return formatter;
}

std::unique_ptr<spdlog::formatter> MakeJsonFormatter() { return std::make_unique<JsonFormatter>(); }

}  // namespace dray
