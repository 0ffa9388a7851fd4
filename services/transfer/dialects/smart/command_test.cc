#include "services/transfer/dialects/smart/command.h"

#include <gtest/gtest.h>

namespace dray::transfer::smart {
namespace {

std::string ErrorOf(std::string_view text) { return ParseCommand(text).error; }

TEST(CommandTest, EveryVerb) {
  EXPECT_EQ(ParseCommand("LIST").verb, Verb::kList);
  EXPECT_EQ(ParseCommand("LISTS").verb, Verb::kUnknown);
  EXPECT_EQ(VerbName(Verb::kUnknown), "unknown command");
  EXPECT_EQ(ParseCommand(" EXIT \r").verb, Verb::kExit);
  const Command upload = ParseCommand("UPLOAD name.bin");
  EXPECT_EQ(upload.verb, Verb::kUpload);
  EXPECT_EQ(upload.name, "name.bin");
  EXPECT_EQ(upload.error, "");
  const Command delta = ParseCommand("UPLOAD_DELTA\tx");
  EXPECT_EQ(delta.verb, Verb::kUploadDelta);
  EXPECT_EQ(delta.name, "x");
  const Command remove = ParseCommand("DELETE x secret");
  EXPECT_EQ(remove.verb, Verb::kDelete);
  EXPECT_EQ(remove.password, "secret");
}

TEST(CommandTest, OptionsOfDownloadComeInAnyOrder) {
  const Command plain = ParseCommand("DOWNLOAD x");
  EXPECT_EQ(plain.offset, 0u);
  EXPECT_FALSE(plain.compress);
  for (const char* text : {"DOWNLOAD x OFFSET=42 COMPRESS", "DOWNLOAD x COMPRESS OFFSET=42"}) {
    const Command both = ParseCommand(text);
    EXPECT_EQ(both.error, "");
    EXPECT_EQ(both.offset, 42u);
    EXPECT_TRUE(both.compress);
  }
  EXPECT_EQ(ErrorOf("DOWNLOAD x OFFSET="), "ERROR_INVALID_OFFSET");
  EXPECT_EQ(ErrorOf("DOWNLOAD x OFFSET=-1"), "ERROR_INVALID_OFFSET");
  EXPECT_EQ(ErrorOf("DOWNLOAD x OFFSET=9223372036854775808"), "ERROR_INVALID_OFFSET");
  EXPECT_EQ(ErrorOf("DOWNLOAD x FAST"), "ERROR_Usage: DOWNLOAD filename [OFFSET=n] [COMPRESS]");
}

TEST(CommandTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(ErrorOf(""), "ERROR_UNKNOWN_COMMAND");
  EXPECT_EQ(ErrorOf("   "), "ERROR_UNKNOWN_COMMAND");
  EXPECT_EQ(ErrorOf("LISTEN"), "ERROR_UNKNOWN_COMMAND");
  EXPECT_EQ(ErrorOf("upload x"), "ERROR_UNKNOWN_COMMAND");
  EXPECT_EQ(ErrorOf("UPLOAD"), "ERROR_Usage: UPLOAD filename");
  EXPECT_EQ(ErrorOf("UPLOAD two words"), "ERROR_Usage: UPLOAD filename");
  EXPECT_EQ(ErrorOf("DELETE"), "ERROR_Usage: DELETE filename password");
  EXPECT_EQ(ErrorOf("DELETE x"), "ERROR_Usage: DELETE filename password");
  EXPECT_EQ(ErrorOf("DELETE x a b"), "ERROR_Usage: DELETE filename password");
  EXPECT_EQ(ErrorOf("UPLOAD ../x"), "ERROR_INVALID_FILENAME");
  EXPECT_EQ(ErrorOf("DELETE /etc/passwd pw"), "ERROR_INVALID_FILENAME");
  EXPECT_EQ(ErrorOf("DOWNLOAD \xFF"), "ERROR_INVALID_FILENAME");
}

TEST(CommandTest, PlainNames) {
  for (const char* name : {"a", "a.b", ".hidden", "-rf", "\xC3\xA4", "*"}) {
    EXPECT_TRUE(IsPlainName(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a..b"), std::string("a/b"),
        std::string("/a"), std::string("a b"), std::string("a\tb"), std::string("a\nb"),
        std::string("\xE4"), std::string("a\0b", 3), std::string(256, 'n')}) {
    EXPECT_FALSE(IsPlainName(name)) << name;
  }
}

TEST(CommandTest, ASessionBeginsWithAWholeVerb) {
  for (const char* text : {"LIST", "LIST\n", "UPLOAD x", "UPLOAD_DELTA x", "DELETE", "EXIT"}) {
    EXPECT_EQ(BeginsWithVerb(text), true) << text;
  }
  for (const char* text : {"", "L", "UPLOA", "D", "DOWNLOA"}) {
    EXPECT_EQ(BeginsWithVerb(text), std::nullopt) << text;
  }
  for (const char* text : {"GET /", "list",
                           "\x89"
                           "DRAY",
                           "LOST"}) {
    EXPECT_EQ(BeginsWithVerb(text), false) << text;
  }
}

TEST(CommandTest, Counts) {
  EXPECT_EQ(ParseCount("0"), 0u);
  EXPECT_EQ(ParseCount("12        "), 12u);
  EXPECT_EQ(ParseCount("9223372036854775807"), 9223372036854775807u);
  for (const char* text : {"", " ", "-1", "+1", "1.5", "1e3", "0x10", "ten", "1 2",
                           "9223372036854775808", "99999999999999999999999"}) {
    EXPECT_EQ(ParseCount(text), std::nullopt) << text;
  }
  EXPECT_EQ(TenBytes(15), "15        ");
  EXPECT_EQ(TenBytes(1234567890), "1234567890");
}

}  // namespace
}  // namespace dray::transfer::smart
