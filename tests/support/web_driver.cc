#include "tests/support/web_driver.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/files.h"
#include "tests/support/socket.h"

namespace dray::testing {
namespace {

using Json = nlohmann::json;

constexpr absl::Duration kTimeout = absl::Seconds(60);

size_t ContentLength(const std::string& head) {
  std::smatch match;
  const std::regex length("content-length: *([0-9]+)", std::regex::icase);
  size_t bytes = 0;
  if (std::regex_search(head, match, length)) {
    EXPECT_TRUE(absl::SimpleAtoi(match[1].str(), &bytes));
  }
  return bytes;
}

// The body of the answer to one request on a connection of its own.
std::string Exchange(const std::string& address, const std::string& method, const std::string& path,
                     const std::string& body) {
  RawSocket socket(address);
  EXPECT_TRUE(socket.connected()) << address;
  socket.Send(absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: ", address,
                           "\r\nConnection: close\r\nContent-Type: application/json\r\n",
                           "Content-Length: ", body.size(), "\r\n\r\n", body));
  std::string head;
  while (!absl::EndsWith(head, "\r\n\r\n")) {
    const std::string byte = socket.Receive(1, kTimeout);
    if (byte.empty()) break;
    head += byte;
  }
  return socket.Receive(ContentLength(head), kTimeout);
}

}  // namespace

Browser::Browser(const std::string& folder) : output_file_(folder + "/chromedriver.out") {
  Process::Options options;
  options.command = {"/usr/bin/chromedriver", "--port=0"};
  options.output_file = output_file_;
  options.environment = {{"HOME", folder}, {"TMPDIR", folder}};
  driver_ = std::make_unique<Process>(options);
  for (const absl::Time deadline = absl::Now() + kTimeout; !Ready();) {
    if (driver_->Poll() || absl::Now() > deadline) {
      ADD_FAILURE() << "chromedriver did not start (packages chromium, chromium-driver)";
      return;
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  const Json chrome = {
      {"args",
       {"--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900",
        "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
        "--user-data-dir=" + folder + "/chromium"}}};
  const Json wanted = {{"browserName", "chrome"},
                       {"goog:chromeOptions", chrome},
                       {"goog:loggingPrefs", {{"browser", "SEVERE"}}}};
  const Json made = Call("POST", "/session", {{"capabilities", {{"alwaysMatch", wanted}}}});
  session_ = "/session/" + made.value("sessionId", "");
}

Browser::~Browser() {
  if (session_.size() > 9) Call("DELETE", session_, Json::object());
  driver_->Signal(SIGTERM);
  driver_->Wait(absl::Seconds(10));
}

bool Browser::Ready() {
  std::smatch match;
  const std::string said = Exists(output_file_) ? ReadFile(output_file_) : "";
  if (!std::regex_search(said, match, std::regex("started successfully on port ([0-9]+)"))) {
    return false;
  }
  address_ = "127.0.0.1:" + match[1].str();
  return true;
}

Json Browser::Call(const std::string& method, const std::string& path, const Json& body) {
  const std::string text = Exchange(address_, method, path, body.dump());
  const Json answer = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object() || !answer.contains("value")) {
    ADD_FAILURE() << method << " " << path << ": no answer: " << text;
    return Json::object();
  }
  const Json& value = answer["value"];
  if (value.is_object() && value.contains("error")) {
    ADD_FAILURE() << method << " " << path << ": " << value.value("message", "");
    return Json::object();
  }
  return value;
}

void Browser::Open(const std::string& url) { Call("POST", session_ + "/url", {{"url", url}}); }

Json Browser::Run(const std::string& script) {
  return Call("POST", session_ + "/execute/sync", {{"script", script}, {"args", Json::array()}});
}

void Browser::Press(const std::string& keys) {
  Json strokes = Json::array();
  strokes.push_back({{"type", "keyDown"}, {"value", keys}});
  strokes.push_back({{"type", "keyUp"}, {"value", keys}});
  const Json keyboard = {{"type", "key"}, {"id", "keyboard"}, {"actions", strokes}};
  Call("POST", session_ + "/actions", {{"actions", Json::array({keyboard})}});
}

Json Browser::Command(const std::string& name, const Json& parameters) {
  return Call("POST", session_ + "/goog/cdp/execute", {{"cmd", name}, {"params", parameters}});
}

std::vector<std::string> Browser::Errors() {
  std::vector<std::string> errors;
  for (const Json& entry : Call("POST", session_ + "/se/log", {{"type", "browser"}})) {
    errors.push_back(entry.value("message", ""));
  }
  return errors;
}

}  // namespace dray::testing
