#ifndef DRAY_CORE_DAEMON_CONFIG_FILE_H_
#define DRAY_CORE_DAEMON_CONFIG_FILE_H_

#include <CLI/CLI.hpp>
#include <istream>
#include <string>
#include <vector>

namespace dray {

// CLI11's reader of config files, for `name = value` lines. CLI11 takes what it returns for
// stronger than the environment; so it leaves out the names whose environment variable is set.
// Throws CLI::FileError, as CLI11 wants it: after a wrong file --help still works.
class ConfigFile : public CLI::Config {
 public:
  // `app` outlives this.
  explicit ConfigFile(const CLI::App* app) : app_(app) {}

  // Looks for the file's own name in the environment of --config: CLI11 does not, since it reads
  // the file before the environment. REQUIRES: before parsing.
  static void TakeNameFromEnvironment(CLI::App& app);

  std::vector<CLI::ConfigItem> from_config(std::istream& in) const override;
  // Nothing: no program here writes a config file.
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return ""; }

 private:
  // The option that a setting is of; an error names the line.
  const CLI::Option& Find(const std::string& name, int line) const;

  const CLI::App* app_;
};

}  // namespace dray

#endif  // DRAY_CORE_DAEMON_CONFIG_FILE_H_
