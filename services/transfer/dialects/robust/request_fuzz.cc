// What a client of the robust dialect may send, and what is answered to it.
#include <cstdlib>

#include "core/base/path.h"
#include "core/testing/fuzz_target.h"
#include "services/transfer/dialects/robust/request.h"

namespace dray {
namespace {

using transfer::robust::CheckName;

void Check(bool holds) {
  if (!holds) std::abort();
}

std::string RequestFor(const std::string& name) {
  std::string request(4, '\0');
  StoreBigEndian(reinterpret_cast<uint8_t*>(request.data()), static_cast<uint32_t>(name.size()));
  return request + name;
}

void ParseRequest(Bytes input) {
  const std::string message = transfer::robust::ErrorMessage(AsText(input));
  Check(message.size() <= transfer::robust::kMaxMessageBytes && IsUtf8(message));
  if (input.size() < transfer::robust::kRequestHeadBytes) return;
  const auto length = transfer::robust::NameLength(input.data());
  if (!length.ok()) return;
  Check(*length > 0 && *length <= kMaxPathBytes);
  const std::string_view rest = AsText(input.subspan(transfer::robust::kRequestHeadBytes));
  if (rest.size() < *length) return;
  const std::string_view name = rest.substr(0, *length);
  if (!CheckName(name).ok()) return;
  Check(name.front() != '/' && SplitRemotePath(name).ok());
  const std::string head = transfer::robust::FileHead(name, 1, std::string(16, 'm'));
  const std::string_view base = name.substr(name.rfind('/') + 1);
  Check(head.size() == 4 + base.size() + 8 + 32 && head.substr(4, base.size()) == base);
}

}  // namespace

std::vector<std::string> FuzzCorpus() {
  return {RequestFor("file.bin"), RequestFor("folder/\xC3\xA4 b"), RequestFor("../x"),
          RequestFor(std::string(300, 'n')), std::string(1100, '\xC3')};
}

}  // namespace dray

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dray::ParseRequest({data, size});
  return 0;
}
