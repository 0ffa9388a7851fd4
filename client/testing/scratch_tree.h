#ifndef DRAY_CLIENT_TESTING_SCRATCH_TREE_H_
#define DRAY_CLIENT_TESTING_SCRATCH_TREE_H_

#include <cstdint>
#include <map>
#include <string>

namespace dray::testing {

// A folder of its own for one test; removed with everything in it.
class ScratchTree {
 public:
  ScratchTree();
  ~ScratchTree();

  // A path in the folder; "" is the folder itself.
  std::string Path(const std::string& name) const;
  void Write(const std::string& name, const std::string& contents) const;
  std::string Read(const std::string& name) const;
  void MakeFolder(const std::string& name) const;
  void MakeLink(const std::string& name, const std::string& target) const;
  void SetMode(const std::string& name, uint32_t mode) const;
  void SetTime(const std::string& name, int64_t nanos) const;
  bool Exists(const std::string& name) const;

  // Every entry beneath `name` with kind, mode, mtime, link text and contents: equal descriptions
  // are equal trees.
  std::map<std::string, std::string> Describe(const std::string& name) const;

 private:
  std::string folder_;
};

// Bytes that look random and are the same for the same seed.
std::string Noise(size_t count, uint64_t seed);

}  // namespace dray::testing

#endif  // DRAY_CLIENT_TESTING_SCRATCH_TREE_H_
