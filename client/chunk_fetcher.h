#ifndef DRAY_CLIENT_CHUNK_FETCHER_H_
#define DRAY_CLIENT_CHUNK_FETCHER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "client/base_picker.h"
#include "client/channel.h"
#include "client/chunk_list.h"
#include "client/download.h"
#include "client/incoming_file.h"
#include "core/base/status.h"

namespace dray {

// Gets chunks of one file by their ranges and puts them into its part file. For those that have a
// local base, only what differs from it has to move: first the base's chunks are named; where the
// server does not know them, a signature of the base is sent; what comes out wrong is asked for
// whole. Not thread-safe.
class ChunkFetcher {
 public:
  // All outlive this. `on_done` is told of bytes that lie in the part file and are right.
  ChunkFetcher(const Operation& operation, std::shared_ptr<Connection> connection,
               const RemoteFile& file, IncomingFile* incoming,
               std::function<void(uint64_t bytes)> on_done);
  ~ChunkFetcher();

  // `lacking` ascends; bases are for it, in order.
  absl::Status Fetch(std::vector<FileChunk> lacking, std::vector<LocalBase> bases);

 private:
  enum class Offer { kIds, kSignatures, kNothing };
  struct Flight;

  absl::Status FetchRound(Offer offer, absl::Span<const FileChunk> lacking,
                          absl::Span<const LocalBase> bases);
  // Asks for the first of the chunks, as many as one request may hold.
  absl::StatusOr<Flight> Ask(Offer offer, absl::Span<const FileChunk> lacking,
                             absl::Span<const LocalBase> bases, size_t first_index);
  // Names a base in the request, unless that would cost more than it may save.
  void AddBase(Offer offer, const LocalBase& base, absl::Span<const FileChunk> chunks, size_t first,
               wire::v1::Get::Item* item, Flight* flight);
  absl::Status Receive(Flight* flight);
  absl::Status Take(const Download::VerifiedChunk& chunk, const FileChunk& expected, size_t index,
                    Flight* flight);
  // The chunk's bytes; empty when they are not what the id says.
  Bytes Rebuild(const wire::v1::GetDelta& delta, const FileChunk& chunk, const LocalBase& base,
                bool by_ids);
  absl::StatusOr<Bytes> ReadBase(const LocalBase& base);

  const Operation& operation_;
  const std::shared_ptr<Connection> connection_;
  const RemoteFile& file_;
  IncomingFile* const incoming_;
  const std::function<void(uint64_t bytes)> on_done_;
  // For the rounds after this one.
  std::vector<FileChunk> unknown_;  // whose bases the server does not know
  std::vector<LocalBase> unknown_bases_;
  std::vector<FileChunk> again_;  // that came out wrong
  // Of the base read last, and what is made of it.
  const LocalBase* base_read_ = nullptr;
  size_t base_bytes_ = 0;
  std::unique_ptr<uint8_t[]> base_;
  std::unique_ptr<uint8_t[]> made_;
  std::unique_ptr<uint8_t[]> expanded_;
};

}  // namespace dray

#endif  // DRAY_CLIENT_CHUNK_FETCHER_H_
