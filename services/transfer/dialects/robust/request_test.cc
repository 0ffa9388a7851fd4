#include "services/transfer/dialects/robust/request.h"

#include <gtest/gtest.h>

#include "core/base/path.h"

namespace dray::transfer::robust {
namespace {

absl::StatusOr<size_t> LengthOf(uint32_t length) {
  uint8_t head[kRequestHeadBytes];
  StoreBigEndian(head, length);
  return NameLength(head);
}

TEST(RequestTest, NamesHaveOneToAPathsBytes) {
  EXPECT_EQ(LengthOf(1).value(), 1u);
  EXPECT_EQ(LengthOf(kMaxPathBytes).value(), kMaxPathBytes);
  for (const uint32_t length : {0u, static_cast<uint32_t>(kMaxPathBytes + 1), 0x00FFFFFFu}) {
    EXPECT_TRUE(absl::IsInvalidArgument(LengthOf(length).status())) << length;
  }
}

TEST(RequestTest, NamesAreRelativePathsInUtf8) {
  for (const char* name : {"a", "folder/a file", "\xC3\xA4"}) {
    EXPECT_TRUE(CheckName(name).ok()) << name;
  }
  for (const char* name : {"/etc/passwd", "../a", "a/../b", "a//b", "\xE4", "\xC3"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(CheckName(name))) << EscapeName(name);
  }
  EXPECT_TRUE(absl::IsInvalidArgument(CheckName(std::string_view("a\0b", 3))));
}

TEST(RequestTest, AFilesHeadIsTheOldServers) {
  const std::string head = FileHead("folder/name.bin", 0x0102030405, std::string(16, '\xAB'));
  EXPECT_EQ(head, std::string("\0\0\0\x08name.bin\0\0\0\x01\x02\x03\x04\x05", 20) +
                      "abababababababababababababababab");
  EXPECT_EQ(FileHead("x", 0, std::string(16, '\0')),
            std::string("\0\0\0\x01x\0\0\0\0\0\0\0\0", 13) + std::string(32, '0'));
}

TEST(RequestTest, MessagesAreCutBetweenCharacters) {
  EXPECT_EQ(ErrorMessage("short"), "short");
  EXPECT_EQ(ErrorMessage("\xFF"), "\\xff");
  std::string message(kMaxMessageBytes - 1, 'x');
  EXPECT_EQ(ErrorMessage(message + "\xC3\xA4"), message);
  EXPECT_EQ(ErrorMessage(message + "yz"), message + "y");
}

}  // namespace
}  // namespace dray::transfer::robust
