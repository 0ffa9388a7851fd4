#include "services/transfer/dialects/native/nodes_request.h"

#include <string>
#include <utility>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/subchunk/prefix.h"
#include "services/transfer/dialects/native/connection.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/disk_pool.h"

namespace dray::transfer::native {
namespace {

using boost::asio::awaitable;

// docs/format/wire.md, "Nodes".
constexpr size_t kMaxNodes = 64;
// Hashes compress only by what they repeat of the prefix: any level finds that.
constexpr int kLevel = 1;

absl::Status CheckIds(const std::string& ids) {
  if (ids.size() % kDigestBytes == 0 && ids.size() / kDigestBytes <= kMaxNodes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("nodes' ids have 32 bytes each, and at most ", kMaxNodes, " are asked for"));
}

void Pack(const std::string& encodings, const std::string& prefix, wire::v1::Nodes* nodes) {
  std::string packed(encodings.size(), '\0');
  packed.resize(CompressWithPrefix(AsBytes(encodings), AsBytes(prefix), kLevel,
                                   {reinterpret_cast<uint8_t*>(packed.data()), packed.size()}));
  if (packed.empty()) {
    nodes->set_encodings(encodings);
    nodes->clear_bases();
    return;
  }
  nodes->set_encodings(std::move(packed));
  nodes->set_raw_bytes(static_cast<uint32_t>(encodings.size()));
}

}  // namespace

absl::Status CheckGetNodes(const wire::v1::GetNodes& get) {
  if (get.node_ids().empty()) return absl::InvalidArgumentError("a GetNodes that asks for none");
  DRAY_RETURN_IF_ERROR(CheckIds(get.node_ids()));
  return CheckIds(get.base_ids());
}

awaitable<void> SendNodes(std::shared_ptr<Connection> connection, uint16_t request,
                          wire::v1::GetNodes get) {
  delta::v1::ReadNodesRequest ask;
  ask.set_node_ids(get.node_ids() + get.base_ids());
  auto known = co_await connection->engine().delta->ReadNodes(std::move(ask),
                                                              connection->activity().info().id);
  if (!known.ok()) co_return connection->FinishWithError(request, known.status());
  const int wanted = static_cast<int>(get.node_ids().size() / kDigestBytes);
  const int asked = wanted + static_cast<int>(get.base_ids().size() / kDigestBytes);
  if (known->encodings_size() != asked) {
    co_return connection->FinishWithError(
        request, absl::InternalError("delta's answer does not fit the nodes asked for"));
  }
  std::string encodings;
  std::string prefix;
  wire::v1::Nodes nodes;
  for (int i = 0; i < asked; ++i) {
    const std::string& encoding = known->encodings(i);
    if (i < wanted && encoding.empty()) {
      co_return connection->FinishWithError(
          request, absl::NotFoundError("a node that was asked for is not known"));
    }
    if (i >= wanted && !encoding.empty()) nodes.add_bases(static_cast<uint32_t>(i - wanted));
    (i < wanted ? encodings : prefix) += encoding;
  }
  auto pack = [&] { Pack(encodings, prefix, &nodes); };
  co_await connection->engine().disk->Run(pack);
  connection->Finish(request, FrameType::kNodes, nodes);
}

}  // namespace dray::transfer::native
