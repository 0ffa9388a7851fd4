// monitor's live page in a real browser, with the real programs behind it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "dray/wire/v1/wire.pb.h"
#include "tests/support/files.h"
#include "tests/support/native_peer.h"
#include "tests/support/socket.h"
#include "tests/support/stack.h"
#include "tests/support/web_driver.h"

namespace dray::testing {
namespace {

using Json = nlohmann::json;

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Duration kSoon = absl::Seconds(30);
// A name that would run a script wherever it is taken for markup.
constexpr char kHostile[] = "<img src=x onerror=document.title='taken'>\"'&amp;\n.bin";
constexpr char kHostileShown[] = "<img src=x onerror=document.title='taken'>\"'&amp;\\x0a.bin";
constexpr char kTab[] = "\uE004";

class PageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    stack_.Start();
    ASSERT_FALSE(HasFatalFailure());
    browser_ = std::make_unique<Browser>(stack_.Path(""));
    ASSERT_FALSE(HasFailure());
  }

  std::string Url() { return "http://" + stack_.monitor().Address("http") + "/"; }
  Json Snapshot() {
    return Json::parse(HttpGet(stack_.monitor().Address("http"), "/api/snapshot"), nullptr, false);
  }
  bool EventuallyText(const std::string& id, const std::string& wanted) {
    return Eventually(kSoon, [&] { return browser_->Text(id).find(wanted) != std::string::npos; });
  }
  // Opens an upload that stays where it is: 400 of 1000 bytes are said to be there already.
  void OpenUpload(NativePeer* peer, const std::string& path) {
    ASSERT_TRUE(peer->Greet());
    wire::v1::PutOpen open;
    open.set_path(path);
    open.set_operation_id(std::string(16, 'o'));
    open.set_size(1000);
    ASSERT_TRUE(peer->Send(FrameType::kPutOpen, 1, open));
    wire::v1::PutOffer offer;
    offer.set_node_ids(std::string(32, 'n'));
    offer.set_saved_bytes(400);
    ASSERT_TRUE(peer->Send(FrameType::kPutOffer, 1, offer));
  }

  Stack stack_;
  std::unique_ptr<Browser> browser_;
};

TEST_F(PageTest, ShowsWhatTheServicesDid) {
  WriteRandomFile(stack_.Path("file"), 5'000'000, 3);
  const Json first = stack_.DrayStats({"put", stack_.Path("file"), ":/file"}).Stats();
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/copy"}).status, 0);
  EXPECT_EQ(stack_.Dray({"get", ":/no/such", stack_.Target("back")}).status, 1);
  browser_->Open(Url());
  EXPECT_TRUE(EventuallyText("health", "all services up"));
  EXPECT_TRUE(EventuallyText("live-text", "live"));
  EXPECT_TRUE(EventuallyText("errors-note", "NOT_FOUND"));

  // The copy moved nothing of itself, the first one all.
  ASSERT_TRUE(Eventually(kSoon, [&] { return Snapshot()["bytes_saved_total"] == 5'000'000; }))
      << Snapshot().dump(2);
  const Json snapshot = Snapshot();
  EXPECT_EQ(snapshot["file_bytes_total"], 10'000'000);
  EXPECT_EQ(snapshot["files_total"], 2);
  EXPECT_GE(snapshot["bytes_received_total"], first["bytes_sent"].get<uint64_t>());
  EXPECT_GE(snapshot["errors_by_code"]["NOT_FOUND"], 1);
  // The page's own formatting of the same numbers.
  const std::string same = R"(
      const format = await import('/format.js');
      const s = await (await fetch('/api/snapshot')).json();
      const text = (id) => document.getElementById(id).textContent;
      return text('received') === format.bytes(s.bytes_received_total) &&
             text('sent') === format.bytes(s.bytes_sent_total) &&
             text('saved') === format.bytes(s.bytes_saved_total) &&
             text('saved-note').startsWith(format.percent(s.bytes_saved_total, s.file_bytes_total)) &&
             text('errors') === format.count(s.errors_total) &&
             text('connections-active') === format.count(s.connections_active);)";
  EXPECT_TRUE(Eventually(kSoon, [&] { return browser_->Run(same) == true; }));
  const std::string services = browser_->Text("services");
  EXPECT_THAT(services, HasSubstr("delta"));
  EXPECT_THAT(services, HasSubstr("transfer"));
  EXPECT_THAT(services, HasSubstr(snapshot["version"].get<std::string>()));
  EXPECT_THAT(browser_->Text("events"), HasSubstr("transfer started on"));
  EXPECT_THAT(browser_->Errors(), IsEmpty());
}

TEST_F(PageTest, ShowsTransfersInProgressWhateverTheirNames) {
  browser_->Open(Url());
  EXPECT_TRUE(EventuallyText("transfers", "Nothing moves now."));
  auto peer = std::make_unique<NativePeer>(stack_.server());
  OpenUpload(peer.get(), kHostile);
  ASSERT_TRUE(EventuallyText("transfers", kHostileShown)) << browser_->Text("transfers");
  EXPECT_TRUE(EventuallyText("transfers", "40 % of 1000 B"));
  const std::string row = browser_->Text("transfers");
  EXPECT_THAT(row, HasSubstr("delta"));
  const std::string id = Snapshot()["connections"][0]["id"];
  EXPECT_THAT(row, HasSubstr(id));
  EXPECT_THAT(browser_->Text("connections"), HasSubstr(id));
  // `dray status` tells the same.
  const auto told = stack_.Dray({"status", "--json"}).Objects();
  ASSERT_EQ(told.size(), 1u);
  ASSERT_EQ(told[0]["active"].size(), 1u);
  EXPECT_EQ(told[0]["active"][0]["path"], kHostileShown);
  EXPECT_EQ(told[0]["active"][0]["bytes_saved"], 400);
  EXPECT_EQ(told[0]["active"][0]["bytes_total"], 1000);
  EXPECT_EQ(told[0]["active"][0]["connection"], id);
  EXPECT_THAT(stack_.Dray({"status"}).out, HasSubstr("40% of 1.0 kB"));
  // Nothing of it became markup.
  EXPECT_EQ(browser_->Run("return document.title;"), "Dray");
  EXPECT_EQ(browser_->Run("return document.querySelectorAll('main img, main script').length;"), 0);
  // It is broken off: the row goes, and an event tells of it under the same id.
  peer.reset();
  EXPECT_TRUE(EventuallyText("transfers", "Nothing moves now."));
  EXPECT_TRUE(EventuallyText("events", id)) << browser_->Text("events");
  EXPECT_THAT(browser_->Errors(), IsEmpty());
}

TEST_F(PageTest, SaysWhenItIsStaleAndComesBack) {
  WriteRandomFile(stack_.Path("file"), 3'000'000, 3);
  ASSERT_EQ(stack_.Dray({"put", stack_.Path("file"), ":/file"}).status, 0);
  browser_->Open(Url());
  const std::string moved =
      "return (await (await import('/format.js'))).bytes(3000000).slice(0, 4);";
  const std::string megabytes = browser_->Run(moved);
  ASSERT_TRUE(EventuallyText("received", megabytes)) << browser_->Text("received");
  EXPECT_EQ(browser_->Run("return document.getElementById('stale').hidden;"), true);
  stack_.monitor().Kill();
  EXPECT_TRUE(EventuallyText("stale", "No news from monitor"));
  EXPECT_EQ(browser_->Run("return document.getElementById('stale').hidden;"), false);
  EXPECT_EQ(browser_->Text("live-text"), "not connected");
  browser_->Errors();  // of the connection that was lost
  stack_.monitor().Start();
  EXPECT_TRUE(EventuallyText("live-text", "live"));
  EXPECT_EQ(browser_->Run("return document.getElementById('stale').hidden;"), true);
  EXPECT_TRUE(EventuallyText("received", megabytes)) << "what was counted before is counted still";
}

TEST_F(PageTest, TellsOfAServiceThatIsDownAndOfOneThatRestarted) {
  browser_->Open(Url());
  ASSERT_TRUE(EventuallyText("health", "all services up"));
  stack_.delta().Kill();
  EXPECT_TRUE(EventuallyText("health", "delta is down"));
  EXPECT_TRUE(EventuallyText("events", "cannot be reached"));
  stack_.delta().Start();
  EXPECT_TRUE(EventuallyText("health", "all services up"));
}

TEST_F(PageTest, AsksWhereThereIsNoStream) {
  browser_->Command("Page.addScriptToEvaluateOnNewDocument",
                    {{"source",
                      "window.EventSource = class { static OPEN = 1; static CLOSED = 2;"
                      "  readyState = 2; addEventListener() {} };"}});
  browser_->Open(Url());
  EXPECT_TRUE(EventuallyText("live-text", "polling"));
  EXPECT_TRUE(EventuallyText("health", "all services up"));
  EXPECT_EQ(browser_->Run("return document.getElementById('stale').hidden;"), true);
}

TEST_F(PageTest, FitsAPhoneAndAKeyboard) {
  browser_->Open(Url());
  ASSERT_TRUE(EventuallyText("health", "all services up"));
  NativePeer peer(stack_.server());
  OpenUpload(&peer, "a/rather/long/name/" + std::string(200, 'x') + ".bin");
  ASSERT_TRUE(EventuallyText("transfers", "40 %"));
  // Everything that takes the focus, in order, and none of it a trap.
  std::string order;
  for (int i = 0; i < 12; ++i) {
    browser_->Press(kTab);
    const Json id = browser_->Run(
        "const a = document.activeElement;"
        "return a.id || a.className || a.getAttribute('href') || a.tagName;");
    order += id.get<std::string>() + " ";
  }
  EXPECT_THAT(order, HasSubstr("skip theme scroll scroll scroll event-level event-text scroll"))
      << order;
  EXPECT_EQ(browser_->Run(
                R"(return [...document.querySelectorAll('th')].every((th) => th.scope === 'col') &&
      [...document.querySelectorAll('canvas')].every((c) => c.getAttribute('aria-label').length > 20) &&
      [...document.querySelectorAll('progress')].every((p) => p.getAttribute('aria-label') !== null);)"),
            true);
  for (const int width : {320, 390, 768, 1280}) {
    browser_->Command(
        "Emulation.setDeviceMetricsOverride",
        {{"width", width}, {"height", 844}, {"deviceScaleFactor", 2}, {"mobile", width < 700}});
    EXPECT_TRUE(Eventually(kSoon, [&] {
      return browser_->Run("return document.documentElement.scrollWidth;") <= width;
    })) << width;
  }
  EXPECT_THAT(browser_->Errors(), IsEmpty());
}

TEST_F(PageTest, FollowsTheThemeThatIsChosen) {
  browser_->Open(Url());
  const std::string background =
      "return getComputedStyle(document.documentElement).backgroundColor;";
  const Json light = browser_->Run("document.getElementById('theme').click(); " + background);
  const Json dark = browser_->Run("document.getElementById('theme').click(); " + background);
  EXPECT_NE(light, dark);
  browser_->Open(Url());
  EXPECT_EQ(browser_->Run(background), dark) << "it is remembered";
  EXPECT_EQ(browser_->Text("theme"), "Theme: dark");
}

}  // namespace
}  // namespace dray::testing
