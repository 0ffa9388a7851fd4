#ifndef DRAY_CLIENT_FILE_WRITER_H_
#define DRAY_CLIENT_FILE_WRITER_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "client/download.h"
#include "client/incoming_file.h"
#include "client/tracker.h"
#include "core/base/status.h"
#include "core/chunking/tree_builder.h"

namespace dray {

// DATA_LOSS, naming the file.
absl::Status LossOf(const RemoteFile& file, absl::string_view what);

// Writes the verified chunks of one whole file in order, and proves that together they are the
// version asked for. Not thread-safe.
class FileWriter {
 public:
  // Both outlive this.
  FileWriter(const RemoteFile& file, Tracker* tracker) : file_(file), tracker_(tracker) {}
  // What an unfinished file had counted as done no longer is.
  ~FileWriter();

  absl::Status Open();
  // The same with a part file that is open already.
  void Open(std::unique_ptr<IncomingFile> incoming) { incoming_ = std::move(incoming); }
  // DATA_LOSS when the chunk goes beyond the file's end.
  absl::Status Add(const Download::VerifiedChunk& chunk);
  // The same for what did not have to move. REQUIRES: it is what its id says.
  absl::Status AddLocal(const ChunkId& id, Bytes raw);
  uint64_t bytes_left() const { return file_.size_bytes() - offset_bytes_; }
  // DATA_LOSS when the chunks are not the version's. REQUIRES: bytes_left() == 0
  absl::Status Seal(const GetOptions& options);
  // For TakeNames. REQUIRES: it is sealed.
  IncomingFile* incoming() { return incoming_.get(); }
  // It has its name.
  void Named();
  // Seals it and gives it its name.
  absl::Status Finish(const GetOptions& options);
  bool worth_keeping() const { return incoming_ != nullptr && incoming_->worth_keeping(); }

 private:
  const RemoteFile& file_;
  Tracker* const tracker_;
  std::unique_ptr<IncomingFile> incoming_;
  TreeBuilder builder_{{}};
  uint64_t offset_bytes_ = 0;
  uint64_t chunks_ = 0;
  bool finished_ = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_FILE_WRITER_H_
