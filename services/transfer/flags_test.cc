#include "services/transfer/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

namespace dray::transfer {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string PasswordFile(const std::string& text, mode_t mode) {
  const std::string file = testing::TempDir() + "/password";
  std::ofstream(file) << text;
  chmod(file.c_str(), mode);
  return file;
}

absl::StatusOr<Server::Options> WithPassword(const std::string& text, mode_t mode) {
  Flags flags;
  flags.admin_password_file = PasswordFile(text, mode);
  return ToOptions(flags);
}

TEST(FlagsTest, AllDialectsAndNoPasswordByDefault) {
  const auto options = ToOptions(Flags());
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->dialects, ElementsAre("native", "robust", "smart"));
  EXPECT_EQ(options->smart.admin_password, "");
  EXPECT_EQ(options->robust.stream.pause, std::chrono::milliseconds(20));
  EXPECT_EQ(options->smart.quiet, std::chrono::milliseconds(10));
}

TEST(FlagsTest, BeyondLoopbackOnlyWhenThatIsMeant) {
  Flags flags;
  flags.listen = {"127.0.0.1:0", "0.0.0.0:9999"};
  const auto refused = ToOptions(flags);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused.status())) << refused.status();
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("--allow-anyone"));
  flags.allow_anyone = true;
  EXPECT_TRUE(ToOptions(flags).ok());
}

TEST(FlagsTest, ThePasswordIsTheFilesFirstLine) {
  const auto options = WithPassword("sesame\nmore\n", 0600);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->smart.admin_password, "sesame");
}

TEST(FlagsTest, APasswordThatCannotBeSaidOrIsNoSecretIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(WithPassword("", 0600).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(WithPassword("two words\n", 0600).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(WithPassword("sesame\n", 0644).status()));
  Flags flags;
  flags.admin_password_file = "/no/such/file";
  EXPECT_FALSE(ToOptions(flags).ok());
}

}  // namespace
}  // namespace dray::transfer
