#ifndef DRAY_SERVICES_TRANSFER_ENGINE_RAW_UPLOAD_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_RAW_UPLOAD_H_

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/base/status.h"
#include "core/chunking/tree_builder.h"
#include "core/framing/chunk_encoder.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/slab.h"
#include "services/transfer/engine/upload_session.h"

namespace dray::transfer {

// The upload of a file whose client sends nothing but its bytes: chunks are cut and hashed here,
// and what delta knows already is not stored again. Nothing is there before Commit(), and nothing
// remains when it is destroyed before. For one coroutine at a time, on one executor.
class RawUpload {
 public:
  // Chunks wait for delta's word until their leaf is whole: some 16 MiB for the longest of chunks
  // of the usual length. Beyond this limit they are stored without it; beyond a second one on those
  // of all uploads together, sooner.
  static constexpr uint64_t kMaxWaitingBytes = 32u << 20;
  static constexpr uint64_t kMaxAllWaitingBytes = 512u << 20;
  static constexpr uint64_t kMaxWaitingBytesWhenFull = 1u << 20;

  // `size_bytes` is what is expected, for those who watch; it is not checked. `connection` outlives
  // the upload.
  static boost::asio::awaitable<absl::StatusOr<std::unique_ptr<RawUpload>>> Open(
      const Engine* engine, boost::asio::any_io_executor executor,
      const Activity::Connection* connection, std::string path, std::string author,
      uint64_t size_bytes);
  ~RawUpload();

  // Where the next bytes may be put, never empty; Added() says that they were.
  MutableBytes room();
  boost::asio::awaitable<absl::Status> Added(size_t bytes);
  // Both, for bytes that are somewhere else.
  boost::asio::awaitable<absl::Status> Add(Bytes bytes);

  uint64_t bytes() const { return bytes_; }

  // Makes the version of all that was added, of that size, and else with this metadata.
  boost::asio::awaitable<absl::StatusOr<delta::v1::CommitResponse>> Commit(
      wire::v1::Metadata metadata);
  // Ends it, for `why`.
  void Fail(const absl::Status& why) { session_->Close(why); }

 private:
  struct Chunk {
    ChunkId id;
    Slice raw;  // none: stored already
  };

  RawUpload(const Engine* engine, std::shared_ptr<UploadSession> session)
      : engine_(engine),
        session_(std::move(session)),
        tree_([this](TreeBuilder::FinishedNode node) { nodes_.push_back(std::move(node)); }) {}

  boost::asio::awaitable<absl::Status> Cut(bool last);
  boost::asio::awaitable<absl::Status> TellNodes();
  boost::asio::awaitable<absl::Status> TellNode(const TreeBuilder::FinishedNode& node);
  boost::asio::awaitable<absl::StatusOr<UploadSession::Wanted>> Ask(
      const TreeBuilder::FinishedNode& node);
  // Stores those of the first waiting chunks.
  boost::asio::awaitable<absl::Status> Store(const std::vector<uint32_t>& indices);
  void DropFirst(size_t chunks);
  void CountWaiting(int64_t change);
  boost::asio::awaitable<absl::Status> KeepWithinLimits();

  const Engine* const engine_;
  const std::shared_ptr<UploadSession> session_;
  ChunkEncoder encoder_;
  std::shared_ptr<Slab> slab_;  // bytes not cut yet; null: none
  size_t filled_ = 0;
  uint64_t bytes_ = 0;
  TreeBuilder tree_;
  std::vector<TreeBuilder::FinishedNode> nodes_;  // not told yet
  uint64_t told_nodes_ = 0;
  std::deque<Chunk> waiting_;  // of leaves not told yet
  uint64_t waiting_bytes_ = 0;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_RAW_UPLOAD_H_
