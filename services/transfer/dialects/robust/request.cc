#include "services/transfer/dialects/robust/request.h"

#include "absl/strings/escaping.h"
#include "core/base/path.h"

namespace dray::transfer::robust {

absl::StatusOr<size_t> NameLength(const uint8_t* head) {
  const auto length = LoadBigEndian<uint32_t>(head);
  if (length == 0) return absl::InvalidArgumentError("the name is empty; ask for a file");
  if (length > kMaxPathBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the name has ", length, " bytes; at most ", kMaxPathBytes, " are possible"));
  }
  return length;
}

absl::Status CheckName(std::string_view name) {
  if (!IsUtf8(name)) return absl::InvalidArgumentError("the name is not UTF-8");
  return SplitRemotePath(name).status();
}

std::string FileHead(std::string_view path, uint64_t size_bytes, std::string_view md5) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  uint8_t integers[sizeof(uint32_t) + sizeof(uint64_t)];
  StoreBigEndian(integers, static_cast<uint32_t>(name.size()));
  StoreBigEndian(integers + sizeof(uint32_t), size_bytes);
  const std::string_view text = AsText(Bytes(integers, sizeof(integers)));
  std::string head(text.substr(0, sizeof(uint32_t)));
  head.append(name);
  head.append(text.substr(sizeof(uint32_t)));
  return head + absl::BytesToHexString({md5.data(), md5.size()});
}

std::string ErrorMessage(std::string_view message) {
  std::string text = IsUtf8(message) ? std::string(message) : EscapeName(message);
  if (text.size() <= kMaxMessageBytes) return text;
  size_t end = kMaxMessageBytes;
  while ((static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

}  // namespace dray::transfer::robust
