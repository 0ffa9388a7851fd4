// A file of 4 GiB in the robust dialect, from the moment it is committed.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/classic_clients.h"
#include "tests/support/files.h"
#include "tests/support/stack.h"

namespace dray::testing {
namespace {

uint64_t LargeBytes() {
  const char* mib = std::getenv("DRAY_TEST_LARGE_MIB");
  return (mib != nullptr ? std::strtoull(mib, nullptr, 10) : 4096) << 20;
}

// Mostly a hole: what is tested is how long its MD5 takes, not how long its bytes do.
void MakeLargeFile(const std::string& file, uint64_t size) {
  WriteFile(file, RandomText(1 << 20, 1));
  ASSERT_EQ(truncate(file.c_str(), static_cast<off_t>(size)), 0);
}

// What a client does with the bytes: checks their MD5.
std::string ReceiveAndHash(BareSocket& socket, uint64_t size) {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  EVP_DigestInit_ex(context, EVP_md5(), nullptr);
  while (size > 0) {
    const std::string part = socket.Recv(std::min<uint64_t>(size, 1 << 20));
    if (part.empty()) break;
    EVP_DigestUpdate(context, part.data(), part.size());
    size -= part.size();
  }
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(context, digest, &length);
  EVP_MD_CTX_free(context);
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest), length});
}

TEST(ClassicLargeTest, AFileIsServedOrBeingPrepared) {
  Stack stack({.room_bytes = uint64_t{2} << 30, .transfer_flags = {}});
  stack.Start();
  ASSERT_FALSE(::testing::Test::HasFatalFailure());
  const uint64_t size = LargeBytes();
  MakeLargeFile(stack.Path("large"), size);
  ASSERT_EQ(stack.Dray({"put", stack.Path("large"), ":/large"}).status, 0);
  const absl::Time deadline = absl::Now() + absl::Minutes(4);
  while (true) {
    ASSERT_LT(absl::Now(), deadline);
    // The old client gives up after 10 s without a byte; the server's patience is 5 s.
    BareSocket socket(stack.server(), absl::Seconds(30));
    ASSERT_TRUE(socket.Send(RobustRequest("large")));
    const std::string first = socket.Recv(5);
    if (first == "ERROR") {
      const std::string message = socket.RecvAll();
      EXPECT_TRUE(absl::StrContains(message, "is being prepared, try again in ")) << message;
      continue;
    }
    ASSERT_EQ(first, "OK");
    const std::string head = socket.RecvExactly(4 + 5 + 8 + 32);
    ASSERT_EQ(head.substr(4, 5), "large");
    EXPECT_EQ(ReceiveAndHash(socket, size), head.substr(17));
    break;
  }
}

}  // namespace
}  // namespace dray::testing
