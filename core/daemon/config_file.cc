#include "core/daemon/config_file.h"

#include <algorithm>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace dray {
namespace {

bool SetInEnvironment(const CLI::Option& option) {
  if (option.get_envname().empty()) return false;
  const char* value = std::getenv(option.get_envname().c_str());
  return value != nullptr && *value != '\0';
}

CLI::FileError Error(int line, absl::string_view what) {
  return CLI::FileError(absl::StrCat("config file, line ", line, ": ", what));
}

void Add(const std::string& name, const std::string& value, std::vector<CLI::ConfigItem>& items) {
  const auto same = std::find_if(items.begin(), items.end(),
                                 [&](const CLI::ConfigItem& item) { return item.name == name; });
  CLI::ConfigItem& item = same != items.end() ? *same : items.emplace_back();
  item.name = name;
  item.inputs.push_back(value);
}

}  // namespace

const CLI::Option& ConfigFile::Find(const std::string& name, int line) const {
  const CLI::Option* option = app_->get_option_no_throw("--" + name);
  if (option == nullptr) {
    throw Error(line, absl::StrCat("unknown setting \"", name, "\": see --help for the names"));
  }
  if (!option->get_configurable()) {
    throw Error(line, absl::StrCat("\"", name, "\" cannot be set in a config file"));
  }
  return *option;
}

void ConfigFile::TakeNameFromEnvironment(CLI::App& app) {
  CLI::Option* config = app.get_config_ptr();
  if (config == nullptr) return;
  const char* file = std::getenv(config->get_envname().c_str());
  if (file == nullptr || *file == '\0') return;
  config->default_str(file);
  config->required();
}

std::vector<CLI::ConfigItem> ConfigFile::from_config(std::istream& in) const {
  std::vector<CLI::ConfigItem> items;
  std::string text;
  for (int line = 1; std::getline(in, text); ++line) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(text);
    if (stripped.empty() || stripped.front() == '#') continue;
    const size_t equals = stripped.find('=');
    if (equals == absl::string_view::npos) {
      throw Error(line, "this is no `name = value`");
    }
    const std::string name(absl::StripAsciiWhitespace(stripped.substr(0, equals)));
    const std::string value(absl::StripAsciiWhitespace(stripped.substr(equals + 1)));
    const CLI::Option& option = Find(name, line);
    if (value.empty()) throw Error(line, absl::StrCat("\"", name, "\" has no value"));
    if (!SetInEnvironment(option)) Add(name, value, items);
  }
  return items;
}

}  // namespace dray
