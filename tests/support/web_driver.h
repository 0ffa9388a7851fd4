#ifndef DRAY_TESTS_SUPPORT_WEB_DRIVER_H_
#define DRAY_TESTS_SUPPORT_WEB_DRIVER_H_

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/process.h"

namespace dray::testing {

// Debian's Chromium without a window, driven by chromedriver over the WebDriver protocol. Whatever
// goes wrong is a failure of the test. Ends with this object.
class Browser {
 public:
  // Files of its own lie below `folder`.
  explicit Browser(const std::string& folder);
  ~Browser();

  void Open(const std::string& url);
  // Runs the body of a function in the page and returns what it returns; a promise is awaited.
  nlohmann::json Run(const std::string& script);
  std::string Text(const std::string& id) {
    return Run("return document.getElementById('" + id + "').textContent;").get<std::string>();
  }
  // Presses keys as a user would: "\uE004" is Tab.
  void Press(const std::string& keys);
  // A command of Chrome's DevTools protocol.
  nlohmann::json Command(const std::string& name, const nlohmann::json& parameters);
  // What the page logged as errors since the last call: exceptions, and what its
  // Content-Security-Policy forbade.
  std::vector<std::string> Errors();

 private:
  nlohmann::json Call(const std::string& method, const std::string& path,
                      const nlohmann::json& body);
  bool Ready();

  const std::string output_file_;
  std::unique_ptr<Process> driver_;
  std::string address_;
  std::string session_;  // "/session/0123..."
};

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_WEB_DRIVER_H_
