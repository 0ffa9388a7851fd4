#include "client/sync/ignore_pattern.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace dray {
namespace {

// Spaces at the end do not count unless a backslash stands before them.
std::string_view TrimSpaces(std::string_view line) {
  size_t end = 0;  // after the last byte that counts
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\\' && at + 1 < line.size()) {
      ++at;
      end = at + 1;
    } else if (line[at] != ' ') {
      end = at + 1;
    }
  }
  return line.substr(0, end);
}

using ClassTest = bool (*)(unsigned char);

// "[:alpha:]" and so on; null for a name that is none.
ClassTest FindClass(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, ClassTest>, 12> kClasses = {{
      {"alnum", absl::ascii_isalnum},
      {"alpha", absl::ascii_isalpha},
      {"blank", absl::ascii_isblank},
      {"cntrl", absl::ascii_iscntrl},
      {"digit", absl::ascii_isdigit},
      {"graph", absl::ascii_isgraph},
      {"lower", absl::ascii_islower},
      {"print", absl::ascii_isprint},
      {"punct", absl::ascii_ispunct},
      {"space", absl::ascii_isspace},
      {"upper", absl::ascii_isupper},
      {"xdigit", absl::ascii_isxdigit},
  }};
  for (const auto& [known, test] : kClasses) {
    if (known == name) return test;
  }
  return nullptr;
}

}  // namespace

std::optional<IgnorePattern> IgnorePattern::Parse(std::string_view line) {
  if (line.empty() || line[0] == '#') return std::nullopt;
  line = TrimSpaces(line);
  if (line.empty()) return std::nullopt;
  IgnorePattern pattern;
  if (line[0] == '!') {
    pattern.negated_ = true;
    line.remove_prefix(1);
  }
  if (!line.empty() && line.back() == '/') {
    pattern.folders_only_ = true;
    line.remove_suffix(1);
  }
  pattern.names_only_ = line.find('/') == std::string_view::npos;
  if (!line.empty() && line[0] == '/') line.remove_prefix(1);
  pattern.Compile(line);
  return pattern;
}

void IgnorePattern::Compile(std::string_view text) {
  constexpr std::string_view kSpecial = "*?[\\";
  const bool run = names_only_ && !text.empty() && text[0] == '*';
  const std::string_view rest = text.substr(run ? 1 : 0);
  if (rest.find_first_of(kSpecial) == std::string_view::npos) {
    literal_ = std::string(rest);
    after_run_ = run;
    return;
  }
  for (size_t at = 0; at < text.size();) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (byte == '*') {
      at = CompileStars(text, at);
    } else if (byte == '[') {
      at = CompileSet(text, at);
    } else if (byte == '?') {
      tokens_.push_back({Kind::kAnyByte});
      ++at;
    } else if (byte == '\\') {
      const bool last = at + 1 == text.size();
      tokens_.push_back(last ? Token{Kind::kNever}
                             : Token{Kind::kByte, static_cast<uint8_t>(text[at + 1])});
      at += 2;
    } else {
      tokens_.push_back({Kind::kByte, byte});
      ++at;
    }
  }
}

// "**" between slashes stands for any number of whole names; elsewhere it is "*".
size_t IgnorePattern::CompileStars(std::string_view text, size_t at) {
  const bool begins = at == 0 || text[at - 1] == '/';
  size_t end = at;
  while (end < text.size() && text[end] == '*') ++end;
  const std::string_view rest = text.substr(end);
  const bool ends = rest.empty() || rest[0] == '/' || rest.substr(0, 2) == "\\/";
  if (end - at < 2 || !begins || !ends) {
    tokens_.push_back({Kind::kRun});
    return end;
  }
  if (!rest.empty() && rest[0] == '/') tokens_.push_back({Kind::kOptional, 3});
  tokens_.push_back({Kind::kLongRun});
  return end;
}

size_t IgnorePattern::CompileSet(std::string_view text, size_t at) {
  // What is not ended as it should be matches nothing.
  const auto wrong = [&] {
    tokens_.push_back({Kind::kNever});
    return text.size();
  };
  const auto next = [&](size_t from) { return from < text.size() ? text[from] : '\0'; };
  Set set;
  ++at;
  const bool inverted = next(at) == '!' || next(at) == '^';
  if (inverted) ++at;
  uint8_t before = 0;  // the byte that a range may begin with
  for (bool first = true; first || next(at) != ']'; first = false, ++at) {
    if (at >= text.size()) return wrong();
    auto byte = static_cast<uint8_t>(text[at]);
    if (byte == '\\') {
      if (++at >= text.size()) return wrong();
      byte = static_cast<uint8_t>(text[at]);
      set.set(byte);
    } else if (byte == '-' && before != 0 && at + 1 < text.size() && text[at + 1] != ']') {
      if (text[++at] == '\\' && ++at >= text.size()) return wrong();
      for (int each = before; each <= static_cast<uint8_t>(text[at]); ++each) set.set(each);
      byte = 0;
    } else if (byte == '[' && next(at + 1) == ':') {
      const size_t close = text.find(']', at + 2);
      if (close == std::string_view::npos) return wrong();
      if (close == at + 2 || text[close - 1] != ':') {
        set.set('[');  // no class: a set as any other
      } else {
        const ClassTest test = FindClass(text.substr(at + 2, close - 1 - (at + 2)));
        if (test == nullptr) return wrong();
        for (int each = 0; each < 256; ++each) {
          if (test(static_cast<unsigned char>(each))) set.set(each);
        }
        at = close;
        byte = 0;
      }
    } else {
      set.set(byte);
    }
    before = byte;
  }
  if (inverted) set.flip();
  set.reset('/');
  tokens_.push_back({Kind::kSet, static_cast<uint32_t>(sets_.size())});
  sets_.push_back(set);
  return at + 1;
}

bool IgnorePattern::Matches(std::string_view path, bool is_folder) const {
  if (folders_only_ && !is_folder) return false;
  const std::string_view text = names_only_ ? path.substr(path.rfind('/') + 1) : path;
  if (!literal_) return MatchesText(text);
  if (!after_run_) return text == *literal_;
  return absl::EndsWith({text.data(), text.size()}, *literal_);
}

bool IgnorePattern::Takes(const Token& token, uint8_t byte) const {
  switch (token.kind) {
    case Kind::kByte:
      return token.value == byte;
    case Kind::kAnyByte:
    case Kind::kRun:
      return byte != '/';
    case Kind::kSet:
      return sets_[token.value][byte];
    case Kind::kLongRun:
      return true;
    case Kind::kOptional:
    case Kind::kNever:
      return false;
  }
  return false;
}

void IgnorePattern::Enter(size_t state, std::vector<bool>* states) const {
  while (!(*states)[state]) {
    (*states)[state] = true;
    if (state == tokens_.size()) return;
    const Token& token = tokens_[state];
    if (token.kind == Kind::kOptional) Enter(state + token.value, states);
    const bool empty =
        token.kind == Kind::kOptional || token.kind == Kind::kRun || token.kind == Kind::kLongRun;
    if (!empty) return;
    ++state;
  }
}

// A state is how many tokens are behind; all states that a text may lead to are followed at once.
bool IgnorePattern::MatchesText(std::string_view text) const {
  std::vector<bool> states(tokens_.size() + 1);
  std::vector<bool> after(tokens_.size() + 1);
  Enter(0, &states);
  for (const char c : text) {
    after.assign(after.size(), false);
    for (size_t state = 0; state < tokens_.size(); ++state) {
      const Token& token = tokens_[state];
      if (!states[state] || !Takes(token, static_cast<uint8_t>(c))) continue;
      const bool stays = token.kind == Kind::kRun || token.kind == Kind::kLongRun;
      Enter(stays ? state : state + 1, &after);
    }
    states.swap(after);
  }
  return states[tokens_.size()];
}

}  // namespace dray
