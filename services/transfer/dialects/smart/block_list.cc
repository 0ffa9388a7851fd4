#include "services/transfer/dialects/smart/block_list.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>
#include <limits>
#include <optional>

namespace dray::transfer::smart {
namespace {

namespace json = boost::json;
using Error = boost::system::error_code;

constexpr size_t kHexBytes = 2 * kDigestBytes;
constexpr size_t kPieceBytes = 64 * 1024;
constexpr std::string_view kMissingHead = "{\"missing\": [";
constexpr std::string_view kMissingTail = "]}";

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// False unless `text` is the hex digits of a digest.
bool AppendDigest(std::string_view text, std::string* out) {
  if (text.size() != kHexBytes) return false;
  for (size_t i = 0; i < kHexBytes; i += 2) {
    const int high = HexValue(text[i]);
    const int low = HexValue(text[i + 1]);
    if (high < 0 || low < 0) return false;
    out->push_back(static_cast<char>(high * 16 + low));
  }
  return true;
}

// What Boost.JSON's parser tells of the text. A member of it is a limit or an event of the concept
// that json::basic_parser documents, hence the names.
class Handler {
 public:
  static constexpr size_t max_object_size = 64;
  static constexpr size_t max_array_size = std::numeric_limits<size_t>::max();
  static constexpr size_t max_key_size = 64;
  static constexpr size_t max_string_size = 256;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error& error) {
    if (std::exchange(in_object_, true)) return Refuse("an object within the object", error);
    return true;
  }
  bool on_object_end(size_t, Error&) { return true; }
  bool on_array_begin(Error& error) {
    if (!in_object_ || in_hashes_ || key_ != "hashes" || std::exchange(had_hashes_, true)) {
      return Refuse("an array that is not \"hashes\"", error);
    }
    return in_hashes_ = true;
  }
  bool on_array_end(size_t, Error&) {
    in_hashes_ = false;
    return true;
  }
  bool on_key_part(json::string_view part, size_t, Error&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_key(json::string_view part, size_t, Error&) {
    text_.append(part.data(), part.size());
    key_ = std::exchange(text_, {});
    return true;
  }
  bool on_string_part(json::string_view part, size_t, Error&) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool on_string(json::string_view part, size_t, Error& error) {
    text_.append(part.data(), part.size());
    const std::string text = std::exchange(text_, {});
    if (in_hashes_) {
      ++count_;
      return AppendDigest(text, &hashes_) ||
             Refuse(absl::StrCat("hash ", count_ - 1, " is not 64 hex digits"), error);
    }
    if (key_ == "file_hash") {
      file_hash_.clear();
      return AppendDigest(text, &file_hash_) || Refuse("\"file_hash\" is not 64 hex digits", error);
    }
    return Other(error);
  }
  bool on_number_part(json::string_view, Error&) { return true; }
  bool on_int64(int64_t value, json::string_view, Error& error) {
    if (in_hashes_ || key_ != "total_blocks") return Other(error);
    if (value < 0) return Refuse("\"total_blocks\" is negative", error);
    total_ = static_cast<uint64_t>(value);
    return true;
  }
  bool on_uint64(uint64_t, json::string_view, Error& error) { return Other(error); }
  bool on_double(double, json::string_view, Error& error) { return Other(error); }
  bool on_bool(bool, Error& error) { return Other(error); }
  bool on_null(Error& error) { return Other(error); }
  bool on_comment_part(json::string_view, Error&) { return true; }
  bool on_comment(json::string_view, Error&) { return true; }

  absl::Status CheckWhole() const {
    if (!total_ || !had_hashes_ || file_hash_.empty()) {
      return absl::InvalidArgumentError(
          "the list of blocks lacks \"total_blocks\", \"hashes\" or \"file_hash\"");
    }
    if (*total_ != count_) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"total_blocks\" is ", *total_, ", and there are ", count_, " hashes"));
    }
    return absl::OkStatus();
  }

  const std::string& why() const { return why_; }
  std::string TakeHashes() { return std::exchange(hashes_, {}); }
  const std::string& file_hash() const { return file_hash_; }

 private:
  bool Refuse(std::string why, Error& error) {
    why_ = std::move(why);
    error = boost::system::errc::make_error_code(boost::system::errc::invalid_argument);
    return false;
  }
  // A value that is none of the three: fine where nobody looks for them.
  bool Other(Error& error) {
    if (!in_object_) return Refuse("not an object", error);
    if (in_hashes_ || key_ == "hashes" || key_ == "file_hash" || key_ == "total_blocks") {
      return Refuse("a value of another kind than the list of blocks has there", error);
    }
    return true;
  }

  bool in_object_ = false;
  bool in_hashes_ = false;
  bool had_hashes_ = false;
  std::string key_;
  std::string text_;  // of a key or string that comes in parts
  std::string hashes_;
  uint64_t count_ = 0;
  std::optional<uint64_t> total_;
  std::string file_hash_;
  std::string why_;
};

size_t Digits(uint32_t value) {
  size_t digits = 1;
  for (; value >= 10; value /= 10) ++digits;
  return digits;
}

}  // namespace

class BlockListParser::Impl {
 public:
  absl::Status Write(bool more, std::string_view part) {
    Error error;
    const size_t used = parser_.write_some(more, part.data(), part.size(), error);
    if (!error && used < part.size()) {
      return absl::InvalidArgumentError("something follows the list of blocks");
    }
    if (!error) return absl::OkStatus();
    const std::string& why = parser_.handler().why();
    return absl::InvalidArgumentError(
        absl::StrCat("the list of blocks: ", why.empty() ? error.message() : why));
  }
  Handler& handler() { return parser_.handler(); }

  AnyDigest file_hash;

 private:
  json::basic_parser<Handler> parser_{json::parse_options{}};
};

BlockListParser::BlockListParser() : impl_(std::make_unique<Impl>()) {}
BlockListParser::~BlockListParser() = default;

absl::Status BlockListParser::Write(std::string_view part) {
  return part.empty() ? absl::OkStatus() : impl_->Write(true, part);
}

absl::Status BlockListParser::Finish() {
  DRAY_RETURN_IF_ERROR(impl_->Write(false, ""));
  DRAY_RETURN_IF_ERROR(impl_->handler().CheckWhole());
  impl_->file_hash = *AnyDigest::FromBytes(impl_->handler().file_hash());
  return absl::OkStatus();
}

std::string BlockListParser::TakeHashes() { return impl_->handler().TakeHashes(); }
const AnyDigest& BlockListParser::file_hash() const { return impl_->file_hash; }

uint64_t MissingText::length_bytes() const {
  uint64_t length = kMissingHead.size() + kMissingTail.size();
  for (const uint32_t block : blocks_) length += Digits(block) + 2;
  return blocks_.empty() ? length : length - 2;
}

std::string MissingText::Next() {
  std::string piece;
  if (ended_) return piece;
  if (next_ == 0) piece = kMissingHead;
  for (; next_ < blocks_.size() && piece.size() < kPieceBytes; ++next_) {
    absl::StrAppend(&piece, next_ == 0 ? "" : ", ", blocks_[next_]);
  }
  if (next_ == blocks_.size()) {
    piece.append(kMissingTail);
    ended_ = true;
  }
  return piece;
}

}  // namespace dray::transfer::smart
