#ifndef DRAY_TESTS_SUPPORT_POWER_LOSS_H_
#define DRAY_TESTS_SUPPORT_POWER_LOSS_H_

#include <map>
#include <random>
#include <string>

namespace dray::testing {

// Power cuts under a program that was started with this environment: power_loss_shim.cc keeps what
// it synced, Cut() makes a folder what a disk may hold afterwards.
class PowerLoss {
 public:
  // `shadow` is an empty folder on the file system of what is to be cut.
  explicit PowerLoss(std::string shadow) : shadow_(std::move(shadow)) {}

  std::map<std::string, std::string> environment() const;

  // What was synced is there. Of what was not, the new state, the old one, or for contents a
  // mixture of their blocks is there, each as `random` has it. REQUIRES: who wrote to the folder is
  // dead; it holds files only.
  void Cut(const std::string& folder, std::mt19937_64& random) const;

 private:
  std::string Contents(const std::string& key) const;
  std::map<std::string, std::string> DurableNames(const std::string& folder) const;
  // All that is in the folder is durable from now on.
  void KeepAll(const std::string& folder) const;
  std::string Mix(const std::string& durable, const std::string& now,
                  std::mt19937_64& random) const;

  const std::string shadow_;
};

}  // namespace dray::testing

#endif  // DRAY_TESTS_SUPPORT_POWER_LOSS_H_
