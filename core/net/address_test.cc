#include "core/net/address.h"

#include <gtest/gtest.h>

#include <string>

namespace dray {
namespace {

void ExpectParsed(std::string_view text, uint16_t default_port, const std::string& host,
                  uint16_t port) {
  auto address = ParseAddress(text, default_port);
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->host, host);
  EXPECT_EQ(address->port, port);
}

TEST(Address, TakesWhatPeopleWrite) {
  ExpectParsed("127.0.0.1:5000", 0, "127.0.0.1", 5000);
  ExpectParsed("[::1]:5000", 0, "::1", 5000);
  ExpectParsed("[fe80::1%eth0]:5000", 0, "fe80::1%eth0", 5000);
  ExpectParsed("files.example:65535", 0, "files.example", 65535);
  ExpectParsed("my_host-2:1", 9, "my_host-2", 1);
  ExpectParsed("127.0.0.1:0", 5000, "127.0.0.1", 0);
}

TEST(Address, TakesTheDefaultPortWhereThereIsNone) {
  ExpectParsed("files.example", 5000, "files.example", 5000);
  ExpectParsed("[::1]", 5000, "::1", 5000);
  const absl::Status refused = ParseAddress("files.example").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(refused.message().find("no port"), absl::string_view::npos) << refused;
}

TEST(Address, RefusesWhatIsNone) {
  for (std::string bad :
       {"",         ":5000",     "host:",       "host:65536", "host:-1",     "host:+1",
        "host: 1",  "host:1x",   "host:000080", "::1",        "::1:5000",    "a:b:1",
        "[::1",     "[::1]5000", "[::1]:",      "[]:1",       "[host]:1",    "[127.0.0.1]:1",
        "[::1%]:1", "ho st:1",   "-host:1",     "h/x:1",      "user@host:1", "http://host:1"}) {
    EXPECT_EQ(ParseAddress(bad, 5000).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
  EXPECT_FALSE(ParseAddress(std::string("ho\0st:1", 7)).ok());
  EXPECT_FALSE(ParseAddress(std::string(254, 'h') + ":1").ok());
  EXPECT_TRUE(ParseAddress(std::string(253, 'h') + ":1").ok());
}

TEST(Address, ErrorsEscapeWhatTheyShow) {
  const absl::Status refused = ParseAddress("bad\n\x1b:1").status();
  EXPECT_NE(refused.message().find("bad\\x0a\\x1b"), absl::string_view::npos) << refused;
}

TEST(Address, TextComesBack) {
  for (std::string text : {"127.0.0.1:5000", "[::1]:5000", "files.example:1", "[fe80::1%eth0]:2"}) {
    EXPECT_EQ(ParseAddress(text)->ToString(), text);
  }
}

TEST(Loopback, IsKnownByItsLiterals) {
  for (std::string yes : {"127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1",
                          "localhost", "LocalHost"}) {
    EXPECT_TRUE(IsLoopback(yes)) << yes;
  }
  for (std::string no : {"", "0.0.0.0", "::", "128.0.0.1", "126.255.255.255", "10.0.0.1",
                         "::ffff:10.0.0.1", "::2", "localhost.example", "127.0.0.1.example"}) {
    EXPECT_FALSE(IsLoopback(no)) << no;
  }
  EXPECT_FALSE(IsLoopback(std::string_view("127.0.0.1\0.evil", 15)));
}

}  // namespace
}  // namespace dray
