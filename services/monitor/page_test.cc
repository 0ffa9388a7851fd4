#include "services/monitor/page.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "services/monitor/snapshot.h"

namespace dray::monitor {
namespace {

TEST(PageTest, EscapesHtml) {
  EXPECT_EQ(EscapeHtml("<a href=\"x\" b='y'>&</a>"),
            "&lt;a href=&quot;x&quot; b=&#39;y&#39;&gt;&amp;&lt;/a&gt;");
}

TEST(PageTest, FormatsBytes) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1536), "1.5 KiB");
  EXPECT_EQ(FormatBytes(2147483648.0), "2.0 GiB");
  EXPECT_EQ(FormatBytes(1e300).substr(FormatBytes(1e300).size() - 3), "EiB");
}

TEST(PageTest, ShowsTheSnapshotAndEscapesWhatCameFromOutside) {
  v1::PushRequest push;
  push.set_instance("transfer-1");
  push.set_service("transfer");
  v1::Transfer* transfer = push.add_transfers();
  transfer->set_path("<script>alert(1)</script>");
  transfer->set_direction("upload");
  transfer->set_bytes_done(1536);
  const Instance instance{std::make_shared<const v1::PushRequest>(push), absl::Seconds(1), true};
  v1::Event event;
  event.set_level("error");
  event.set_message("<img src=x>");
  const std::string page =
      MakePage(MakeSnapshot({instance}, {{"transfer-1", "transfer", event}}, absl::UnixEpoch()));
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("<img"), std::string::npos);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)"), std::string::npos);
  EXPECT_NE(page.find("&lt;img src=x&gt;"), std::string::npos);
  EXPECT_NE(page.find("<td>1.5 KiB</td>"), std::string::npos);
  EXPECT_NE(page.find("<td>transfer-1</td><td>up</td>"), std::string::npos) << page;
  EXPECT_NE(page.find("1970-01-01 00:00:00 UTC"), std::string::npos);
  EXPECT_EQ(page.find("http://"), std::string::npos) << "nothing is fetched from elsewhere";
}

TEST(PageTest, LongListsAreCut) {
  std::vector<RecentEvent> events(150);
  const std::string page = MakePage(MakeSnapshot({}, events, absl::UnixEpoch()));
  EXPECT_NE(page.find("100 of 150"), std::string::npos);
}

}  // namespace
}  // namespace dray::monitor
