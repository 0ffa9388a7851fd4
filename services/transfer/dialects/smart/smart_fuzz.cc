// What a client of the smart dialect may send: commands, and lists of hashes in pieces.
#include <cstdlib>

#include "core/testing/fuzz_target.h"
#include "services/transfer/dialects/smart/block_list.h"
#include "services/transfer/dialects/smart/command.h"

namespace dray {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void ParseCommands(std::string_view text) {
  const transfer::smart::Command command = transfer::smart::ParseCommand(text);
  if (!command.error.empty()) return;
  const bool named =
      command.verb != transfer::smart::Verb::kList && command.verb != transfer::smart::Verb::kExit;
  Check(named == !command.name.empty());
  if (named) Check(transfer::smart::IsPlainName(command.name));
}

// The hashes, or nothing if the list is refused.
std::string ParseList(std::string_view text, size_t step) {
  transfer::smart::BlockListParser parser;
  std::string hashes;
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size()))) {
    if (!parser.Write(text.substr(0, step)).ok()) return "";
    hashes += parser.TakeHashes();
  }
  if (!parser.Finish().ok()) return "";
  Check(hashes.size() % kDigestBytes == 0);
  return hashes;
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  const std::string hash(64, 'a');
  return {"LIST",
          "DOWNLOAD name OFFSET=12 COMPRESS",
          "DELETE name password",
          "UPLOAD_DELTA name",
          "{\"total_blocks\": 1, \"hashes\": [\"" + hash + "\"], \"file_hash\": \"" + hash + "\"}",
          "{\"file_hash\": \"" + hash + "\", \"x\": [1.5e3, true], \"hashes\": []}"};
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = dray::AsText({data, size});
  dray::ParseCommands(text);
  dray::Check(dray::ParseList(text, 5) == dray::ParseList(text, text.size() + 1));
  return 0;
}
