#ifndef DRAY_SERVICES_TRANSFER_ENGINE_BLOCK_UPLOAD_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_BLOCK_UPLOAD_H_

#include <openssl/evp.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/file_reader.h"
#include "services/transfer/engine/raw_upload.h"

namespace dray::transfer {

// A new version of a file, of which the client tells the hashes of all blocks (SHA-256, one block
// length), and sends those blocks alone that the newest version does not have at the same place.
// delta compares; the rest is read from that version, which stays the one that was chosen by
// Open(), whatever is committed meanwhile. Steps: Open, AddHashes as often as need be, EndHashes,
// AddBlock for each missing block in order, Finish. For one coroutine at a time, on one executor.
class BlockUpload {
 public:
  struct Target {
    std::string path;
    std::string author;
    uint32_t block_bytes = 0;
    uint64_t max_blocks = 0;  // that are accepted
  };

  // NOT_FOUND when there is no such file. `connection` outlives the upload.
  static boost::asio::awaitable<absl::StatusOr<std::unique_ptr<BlockUpload>>> Open(
      const Engine* engine, boost::asio::any_io_executor executor,
      const Activity::Connection* connection, Target target);

  // Hashes of the next blocks. RESOURCE_EXHAUSTED beyond max_blocks.
  boost::asio::awaitable<absl::Status> AddHashes(std::string_view hashes);
  // There are no more.
  boost::asio::awaitable<absl::Status> EndHashes();

  uint64_t blocks() const { return blocks_; }
  // Of the file as it is stored.
  uint64_t base_bytes() const { return base_->size(); }
  // After EndHashes(): ascending.
  const std::vector<uint32_t>& missing() const { return missing_; }

  // The next missing block. INVALID_ARGUMENT when it is another, or has a wrong length.
  boost::asio::awaitable<absl::Status> AddBlock(uint64_t index, Bytes data);
  // Makes the version. DATA_LOSS, and nothing is changed, when what there is now is not the file
  // with this hash, or blocks are missing.
  boost::asio::awaitable<absl::Status> Finish(const AnyDigest& file_hash);

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };

  BlockUpload(const Engine* engine, boost::asio::any_io_executor executor,
              const Activity::Connection* connection, Target target);
  boost::asio::awaitable<absl::Status> Begin();
  boost::asio::awaitable<absl::Status> TellOwnList();
  boost::asio::awaitable<absl::Status> TellOwnPiece(std::string hashes, bool last);
  boost::asio::awaitable<absl::Status> ComparePiece();
  boost::asio::awaitable<absl::Status> OpenOutput();
  // Copies what the base has, up to the block `end`.
  boost::asio::awaitable<absl::Status> CopyBase(uint64_t end);
  // The base's next bytes, at most up to `end`, without taking them. None at its end.
  boost::asio::awaitable<absl::StatusOr<Bytes>> PeekBase(uint64_t end);
  boost::asio::awaitable<absl::StatusOr<delta::v1::CompareBlocksResponse>> Exchange(
      const delta::v1::CompareBlocksRequest& request);

  const Engine* const engine_;
  const boost::asio::any_io_executor executor_;
  const Activity::Connection* const connection_;
  const Target target_;
  std::unique_ptr<BlockStream> stream_;  // null once all is compared

  std::string piece_;  // hashes not compared yet
  uint64_t blocks_ = 0;
  std::vector<uint32_t> missing_;

  std::unique_ptr<FileReader> base_;
  Slice base_piece_;          // what of it was read and not taken
  uint64_t base_offset_ = 0;  // where that begins
  std::unique_ptr<RawUpload> output_;
  const std::unique_ptr<EVP_MD_CTX, Free> sha256_;
  size_t next_missing_ = 0;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_BLOCK_UPLOAD_H_
