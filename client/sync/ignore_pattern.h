#ifndef DRAY_CLIENT_SYNC_IGNORE_PATTERN_H_
#define DRAY_CLIENT_SYNC_IGNORE_PATTERN_H_

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dray {

// One line of a gitignore file, as gitignore(5) and git's wildmatch.c have it. Matching takes time
// in proportion to the pattern's length times the path's, whatever they are. Immutable.
class IgnorePattern {
 public:
  // Nothing for a line that says nothing: an empty one, or a comment.
  static std::optional<IgnorePattern> Parse(std::string_view line);

  // The pattern begins with "!": what it matches is taken back in.
  bool negated() const { return negated_; }
  // `path` is relative to the folder that the pattern is about, without "/" at either end.
  bool Matches(std::string_view path, bool is_folder) const;

 private:
  enum class Kind : uint8_t {
    kByte,      // this byte
    kAnyByte,   // any but '/'
    kSet,       // one of a set, never '/'
    kRun,       // any number of bytes other than '/'
    kLongRun,   // any number of bytes
    kOptional,  // what follows, or what comes `value` tokens later
    kNever,     // nothing
  };
  struct Token {
    Kind kind;
    uint32_t value = 0;  // kByte: the byte; kSet: the index in sets_; kOptional: how far
  };
  using Set = std::bitset<256>;

  IgnorePattern() = default;
  void Compile(std::string_view text);
  // Each takes a part of `text` from `at` on and returns where the rest begins.
  size_t CompileStars(std::string_view text, size_t at);
  size_t CompileSet(std::string_view text, size_t at);
  bool MatchesText(std::string_view text) const;
  bool Takes(const Token& token, uint8_t byte) const;
  // Marks a state and those reached from it without a byte.
  void Enter(size_t state, std::vector<bool>* states) const;

  bool negated_ = false;
  bool folders_only_ = false;
  bool names_only_ = false;  // matches the last name of a path
  // What most patterns are: some literal text, after "*" if `after_run_`.
  std::optional<std::string> literal_;
  bool after_run_ = false;
  std::vector<Token> tokens_;
  std::vector<Set> sets_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_SYNC_IGNORE_PATTERN_H_
