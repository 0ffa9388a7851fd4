#include "tests/support/power_loss.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include "absl/strings/str_split.h"
#include "tests/support/files.h"
#include "tests/support/preload.h"

namespace dray::testing {
namespace {

constexpr size_t kBlockBytes = 4096;

// As the shim's KeyOf.
std::string KeyOf(const std::string& path) {
  struct statx status;
  EXPECT_EQ(statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME, &status), 0)
      << path;
  return std::to_string(status.stx_ino) + "-" + std::to_string(status.stx_btime.tv_sec) + "." +
         std::to_string(status.stx_btime.tv_nsec);
}

}  // namespace

std::map<std::string, std::string> PowerLoss::environment() const {
  return {{"LD_PRELOAD", PreloadPath("power_loss_shim.so")}, {"DRAY_POWER_LOSS_DIR", shadow_}};
}

std::string PowerLoss::Contents(const std::string& key) const {
  const std::string file = shadow_ + "/file-" + key;
  return Exists(file) ? ReadFile(file) : "";
}

std::map<std::string, std::string> PowerLoss::DurableNames(const std::string& folder) const {
  std::map<std::string, std::string> keys;
  const std::string file = shadow_ + "/folder-" + KeyOf(folder);
  if (!Exists(file)) return keys;
  const std::string lines = ReadFile(file);
  for (absl::string_view line : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    keys[parts.second] = parts.first;
  }
  return keys;
}

std::string PowerLoss::Mix(const std::string& durable, const std::string& now,
                           std::mt19937_64& random) const {
  switch (random() % 4) {
    case 0:
      return durable;
    case 1:
      return now;
  }
  const std::string& length_of = random() % 2 == 0 ? durable : now;
  std::string mixed = length_of;
  for (size_t at = 0; at < mixed.size(); at += kBlockBytes) {
    const std::string& source = random() % 2 == 0 ? durable : now;
    // Where the file had not yet been so long, the new length may come before the bytes.
    for (size_t i = at; i < std::min(mixed.size(), at + kBlockBytes); ++i) {
      mixed[i] = i < source.size() ? source[i] : '\0';
    }
  }
  return mixed;
}

void PowerLoss::Cut(const std::string& folder, std::mt19937_64& random) const {
  struct File {
    std::optional<std::string> durable_name, name_now;
    std::string contents_now;
  };
  std::map<std::string, File> files;  // by key
  for (const auto& [name, key] : DurableNames(folder)) files[key].durable_name = name;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    File& file = files[KeyOf(entry.path())];
    file.name_now = entry.path().filename();
    file.contents_now = ReadFile(entry.path());
  }
  for (const auto& [key, file] : files) {
    if (file.name_now) RemoveFile(folder + "/" + *file.name_now);
  }
  for (const auto& [key, file] : files) {
    // A change of names (made, renamed, removed) that was not synced happened or did not.
    const auto& name =
        file.durable_name == file.name_now || random() % 2 == 0 ? file.durable_name : file.name_now;
    if (!name) continue;
    const std::string durable = Contents(key);
    const std::string path = folder + "/" + *name;
    // Two may claim a name when one was to replace the other: then either has it.
    if (Exists(path) && random() % 2 == 0) continue;
    WriteFile(path, file.name_now ? Mix(durable, file.contents_now, random) : durable, 0600);
  }
  KeepAll(folder);
}

void PowerLoss::KeepAll(const std::string& folder) const {
  std::string names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string key = KeyOf(entry.path());
    WriteFile(shadow_ + "/file-" + key, ReadFile(entry.path()));
    names += key + " " + entry.path().filename().string() + "\n";
  }
  WriteFile(shadow_ + "/folder-" + KeyOf(folder), names);
}

}  // namespace dray::testing
