#ifndef DRAY_CLIENT_FLIGHT_RECEIVER_H_
#define DRAY_CLIENT_FLIGHT_RECEIVER_H_

#include <memory>
#include <vector>

#include "client/channel.h"
#include "client/download.h"
#include "client/incoming_file.h"
#include "client/item_receiver.h"
#include "client/jobs.h"
#include "client/old_copy.h"
#include "core/base/status.h"

namespace dray {

void ReportFile(Tracker* tracker, const Channel& channel, const RemoteFile& file,
                FileReport::Outcome outcome, const absl::Status& status = absl::OkStatus());

// Receives the files that one request asked for: tells them apart in the stream of their chunks,
// writes and reports them. For one thread.
class FlightReceiver {
 public:
  // All outlive this.
  FlightReceiver(const Operation& operation, const Channel& channel, const GetOptions& options,
                 std::vector<SmallGet>* files, Download* download)
      : operation_(operation),
        channel_(channel),
        options_(options),
        files_(*files),
        download_(download) {}

  // OK when the answer was received whole. `done` tells which files are dealt with, in any case;
  // others have to be asked for again, without their older copies where those were of no use.
  absl::Status Run();
  const std::vector<bool>& done() const { return done_; }
  // The failure that Run returned is that of one file, and reported.
  bool file_failed() const { return file_failed_; }

 private:
  absl::Status Admit(const wire::v1::GetItems& items);
  absl::Status ReceiveAll();
  absl::Status Add(const Download::VerifiedChunk& chunk);
  // Makes the next file that has data to come the current one; others are finished on the way.
  void NextFile(size_t next);
  void FinishFile();
  // Gives those that are whole their names.
  void NameSealed();
  bool receiving() const { return current_ < files_.size(); }
  // The file is reported; what is left of the stream cannot be told apart any more.
  absl::Status Failed(size_t index, const absl::Status& status);
  void Report(size_t index, const absl::Status& status);

  const Operation& operation_;
  const Channel& channel_;
  const GetOptions& options_;
  std::vector<SmallGet>& files_;
  Download* const download_;
  std::vector<bool> done_;
  std::vector<std::unique_ptr<ItemReceiver>> items_;  // null: not in the stream, or past
  struct Sealed {
    size_t index = 0;
    std::unique_ptr<ItemReceiver> item;
  };
  std::vector<Sealed> sealed_;  // whole, and without their names yet
  absl::Status retry_;          // why some are to be asked for again
  size_t current_ = 0;
  bool file_failed_ = false;
};

}  // namespace dray

#endif  // DRAY_CLIENT_FLIGHT_RECEIVER_H_
