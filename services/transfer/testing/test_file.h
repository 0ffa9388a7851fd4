#ifndef DRAY_SERVICES_TRANSFER_TESTING_TEST_FILE_H_
#define DRAY_SERVICES_TRANSFER_TESTING_TEST_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/base/ids.h"
#include "core/chunking/node.h"
#include "core/chunking/tree_builder.h"
#include "services/transfer/testing/wire_client.h"

namespace dray::transfer {

// A file's content, cut and hashed.
struct TestFile {
  struct Chunk {
    ChunkId id;
    std::string bytes;
  };
  explicit TestFile(std::string content);

  std::string content;
  std::vector<Chunk> chunks;
  std::vector<TreeBuilder::FinishedNode> nodes;  // children before parents
  Root root;

  wire::v1::Metadata metadata() const;
  wire::v1::BatchItem ToBatchItem(const std::string& path) const;
};

// The same bytes for the same seed, which no compression makes smaller.
std::string RandomContent(size_t bytes, uint32_t seed);

// A raw data frame.
std::string DataFrameOf(const ChunkId& id, std::string_view raw);

// 16 bytes that no other call returns.
std::string NewOperationId();

// The delta that makes `content` of a base that the server told; empty: none is shorter. The test
// ends for a signature that cannot be.
std::string DeltaAgainst(const wire::v1::PutBase& base, std::string_view content);

// PutOpen.
absl::Status OpenUpload(WireClient* client, uint16_t request, const std::string& path);
// Offers the nodes, sends those that are unknown, and returns the chunks that are wanted, in order.
absl::StatusOr<std::vector<TestFile::Chunk>> OfferFile(WireClient* client, uint16_t request,
                                                       const TestFile& file);
absl::StatusOr<wire::v1::PutDone> CommitUpload(WireClient* client, uint16_t request,
                                               const TestFile& file);

// All of it. `sent_bytes` (may be null) is set to the raw bytes of the chunks sent.
absl::StatusOr<wire::v1::PutDone> Upload(WireClient* client, uint16_t request,
                                         const std::string& path, const TestFile& file,
                                         uint64_t* sent_bytes = nullptr);

struct Downloaded {
  wire::v1::GetItems items;
  std::string content;  // of all items, one after the other
};
// Sends a Get and reads all of the answer; every chunk is checked against its id.
absl::StatusOr<Downloaded> DownloadAll(WireClient* client, uint16_t request,
                                       const wire::v1::Get& get);
absl::StatusOr<Downloaded> DownloadFile(WireClient* client, uint16_t request,
                                        const std::string& path);

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_TESTING_TEST_FILE_H_
