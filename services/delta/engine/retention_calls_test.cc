// SetRetention and ListRetentions.
#include "services/delta/engine/service_fixture.h"

namespace dray::delta {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint64_t kDay = uint64_t{24} * 3600 * 1'000'000'000;

class RetentionCallsTest : public DeltaServiceTest {
 protected:
  grpc::Status Call(const v1::SetRetentionRequest& request) {
    grpc::ClientContext context;
    v1::SetRetentionResponse response;
    return stub_->SetRetention(&context, request, &response);
  }
  grpc::Status Set(const std::string& path, uint64_t keep_last, uint64_t keep_ns) {
    v1::SetRetentionRequest request;
    request.mutable_retention()->set_path(path);
    request.mutable_retention()->set_keep_last(keep_last);
    request.mutable_retention()->set_keep_ns(keep_ns);
    return Call(request);
  }
  grpc::Status Remove(const std::string& path) {
    v1::SetRetentionRequest request;
    request.mutable_retention()->set_path(path);
    request.set_remove(true);
    return Call(request);
  }
  // "path last ns" each.
  std::vector<std::string> Rules() {
    grpc::ClientContext context;
    v1::ListRetentionsResponse response;
    const grpc::Status status = stub_->ListRetentions(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<std::string> rules;
    for (const auto& rule : response.retentions()) {
      rules.push_back(absl::StrCat(rule.path(), " ", rule.keep_last(), " ", rule.keep_ns()));
    }
    return rules;
  }
};

TEST_F(RetentionCallsTest, RulesAreSetReplacedAndRemoved) {
  EXPECT_THAT(Rules(), IsEmpty());
  EXPECT_TRUE(Set("b/c", 5, 0).ok());
  EXPECT_TRUE(Set("", 0, 30 * kDay).ok());
  EXPECT_TRUE(Set("a", 1, 1).ok());
  EXPECT_THAT(Rules(), ElementsAre(absl::StrCat(" 0 ", 30 * kDay), "a 1 1", "b/c 5 0"));
  EXPECT_TRUE(Set("b/c", 0, 2).ok());
  EXPECT_TRUE(Remove("").ok());
  EXPECT_TRUE(Remove("nothing here").ok());
  EXPECT_THAT(Rules(), ElementsAre("a 1 1", "b/c 0 2"));
}

TEST_F(RetentionCallsTest, WhatIsNoRuleIsRefused) {
  for (const char* path : {"/a", "a/", "a//b", "..", "a/../b"}) {
    EXPECT_THAT(Set(path, 1, 0), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT)) << path;
    EXPECT_THAT(Remove(path), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT)) << path;
  }
  EXPECT_THAT(Set("a", 0, 0), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(Set("a", 1'000'000'001, 0), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(Set("a", 1, 101 * 366 * kDay), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(Set("a", ~uint64_t{0}, ~uint64_t{0}),
              HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  v1::SetRetentionRequest both;
  both.mutable_retention()->set_path("a");
  both.mutable_retention()->set_keep_last(3);
  both.set_remove(true);
  EXPECT_THAT(Call(both), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(Call({}), HasGrpcCode(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(Rules(), IsEmpty());
  EXPECT_TRUE(Set("a", 1'000'000'000, 100 * 366 * kDay).ok());
}

}  // namespace
}  // namespace dray::delta
