#ifndef DRAY_TESTS_SUPPORT_FILES_H_
#define DRAY_TESTS_SUPPORT_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Files and folders that tests make and compare. What cannot be done is a failure of the test.
namespace dray::testing {

void MakeFolder(const std::string& folder, unsigned mode = 0755);
void WriteFile(const std::string& file, std::string_view contents, unsigned mode = 0644);
std::string ReadFile(const std::string& file);
void MakeLink(const std::string& target, const std::string& link);
void SetMode(const std::string& file, unsigned mode);
// Of the entry itself, should it be a link.
void SetMtime(const std::string& file, int64_t seconds, int64_t nanoseconds);
bool Exists(const std::string& path);
uint64_t FileSize(const std::string& file);
// The sum of the sizes of all files below.
uint64_t FolderBytes(const std::string& folder);

// `size` bytes that no compression makes smaller; the same for the same seed.
std::string RandomText(uint64_t size, uint64_t seed);
void WriteRandomFile(const std::string& file, uint64_t size, uint64_t seed);
// `from` with `inserted` before it.
void CopyWithPrefix(const std::string& from, std::string_view inserted, const std::string& to);
void RemoveFile(const std::string& file);

bool SameContents(const std::string& one, const std::string& other);

// What differs between two trees (or files): kind, mode, nanoseconds of mtime, link target,
// contents. Empty: nothing. At most 20 differences are told.
std::vector<std::string> Differences(const std::string& one, const std::string& other);

// How many entries are below.
uint64_t CountEntries(const std::string& folder);

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_FILES_H_
