// What became of a request on a connection that has ended since.
#include "client/call.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "client/cancellation.h"
#include "client/download.h"
#include "client/testing/fake_server.h"

namespace dray {
namespace {

using testing::FakeServer;
using Action = FakeServer::Action;

// A server that refuses the first question of each type, and ends the connection at a History.
class CallTest : public ::testing::Test {
 protected:
  CallTest() {
    FakeServer::Script script;
    script.on_frame = [](FrameType type, int count) {
      if (type == FrameType::kHistory) return Action::kClose;
      const bool refused = type == FrameType::kDelete || type == FrameType::kGet;
      return refused && count == 0 ? Action::kRefuse : Action::kServe;
    };
    script.refusal.set_code(static_cast<int>(absl::StatusCode::kNotFound));
    script.refusal.set_message("told to");
    server_.SetScript(std::move(script));
    auto opened = Connection::Open(
        {.server = server_.address(), .traffic = &traffic_, .cancellation = &cancellation_});
    EXPECT_TRUE(opened.ok()) << opened.status();
    connection_ = *std::move(opened);
  }

  std::unique_ptr<Call> Delete() {
    wire::v1::Delete question;
    question.set_path("gone");
    auto call = Call::Start(connection_, FrameType::kDelete, question, FrameType::kChanged);
    EXPECT_TRUE(call.ok()) << call.status();
    return *std::move(call);
  }
  std::unique_ptr<Download> Get() {
    wire::v1::Get question;
    question.add_items()->mutable_version()->set_path("gone");
    auto download = Download::Start(connection_, question);
    EXPECT_TRUE(download.ok()) << download.status();
    return *std::move(download);
  }
  // Has the server end the connection, and waits until it has.
  void Lose() {
    const auto last =
        Call::Start(connection_, FrameType::kHistory, wire::v1::History(), FrameType::kVersions);
    ASSERT_TRUE(last.ok()) << last.status();
    wire::v1::Versions answer;
    EXPECT_EQ((*last)->Receive(&answer).code(), absl::StatusCode::kUnavailable);
    EXPECT_TRUE((*last)->lost());
    EXPECT_FALSE(connection_->status().ok());
  }

  FakeServer server_;
  Traffic traffic_;
  Cancellation cancellation_;
  std::shared_ptr<Connection> connection_;
};

TEST_F(CallTest, ARefusalStaysOneWhenTheConnectionIsLostAfterIt) {
  const auto call = Delete();
  Lose();
  wire::v1::Changed answer;
  EXPECT_EQ(call->Receive(&answer).code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(call->lost());
}

TEST_F(CallTest, ARefusedDownloadStaysOneWhenTheConnectionIsLostAfterIt) {
  const auto download = Get();
  Lose();
  EXPECT_EQ(download->ReceiveItems().status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(download->lost());
}

TEST_F(CallTest, WhatHasNoAnswerIsLostWithTheConnection) {
  Delete();
  FakeServer::Script silent;
  silent.on_frame = [](FrameType type, int) {
    return type == FrameType::kHistory ? Action::kClose : Action::kIgnore;
  };
  server_.SetScript(std::move(silent));
  const auto call = Delete();
  const auto download = Get();
  Lose();
  wire::v1::Changed answer;
  EXPECT_EQ(call->Receive(&answer).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(call->lost());
  EXPECT_EQ(download->ReceiveItems().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(download->lost());
}

}  // namespace
}  // namespace dray
