#ifndef DRAY_SERVICES_TRANSFER_ENGINE_FILE_READER_H_
#define DRAY_SERVICES_TRANSFER_ENGINE_FILE_READER_H_

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/leases.h"
#include "core/base/status.h"
#include "dray/delta/v1/delta.pb.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/engine.h"
#include "services/transfer/engine/slab.h"

namespace dray::transfer {

// Reads a version's bytes in order, each chunk expanded and checked against its id: for those who
// cannot check by themselves. Holds a piece, and the places of some thousand chunks. For one
// coroutine at a time.
class FileReader {
 public:
  static constexpr size_t kPieceBytes = 1u << 20;

  // Finds the version; number 0 is the newest. Reading begins at `offset`. NOT_FOUND;
  // FAILED_PRECONDITION for what is no file. All of `engine` outlives it.
  static boost::asio::awaitable<absl::StatusOr<std::unique_ptr<FileReader>>> Open(
      const Engine* engine, std::string path, uint64_t number, uint64_t offset,
      std::string_view connection_id = {});

  const wire::v1::Version& version() const { return version_; }
  uint64_t size() const { return version_.metadata().size(); }

  // The next bytes, at most kPieceBytes; none at the end. DATA_LOSS names the file.
  boost::asio::awaitable<absl::StatusOr<Slice>> Next();

 private:
  explicit FileReader(const Engine* engine)
      : engine_(engine), lease_(engine->operations->Begin()) {}
  absl::Status TakeHeader(const delta::v1::ResolveResponse& response, uint64_t offset);
  boost::asio::awaitable<absl::Status> FindMore();

  const Engine* const engine_;
  const Leases::Lease lease_;
  std::unique_ptr<MessageStream<delta::v1::ResolveResponse>> stream_;
  wire::v1::Version version_;
  std::deque<delta::v1::StoredChunk> chunks_;  // next to be read
  uint64_t skip_bytes_ = 0;                    // of the first chunk
  uint64_t left_bytes_ = 0;
};

}  // namespace dray::transfer

#endif  // DRAY_SERVICES_TRANSFER_ENGINE_FILE_READER_H_
