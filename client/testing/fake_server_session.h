#ifndef DRAY_CLIENT_TESTING_FAKE_SERVER_SESSION_H_
#define DRAY_CLIENT_TESTING_FAKE_SERVER_SESSION_H_

#include <sys/socket.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/testing/fake_server.h"
#include "core/framing/chunk_encoder.h"
#include "core/framing/data_frame.h"

namespace dray::testing {

// One connection of a FakeServer, served on a thread of its own until the peer leaves.
class FakeServer::Session {
 public:
  Session(FakeServer* server, int fd) : server_(*server), fd_(fd) {}

  void Run();

 private:
  bool ReadFrame();

  template <typename Message>
  Message Parse() {
    Message message;
    message.ParseFromString(frame_.substr(kFrameHeaderBytes));
    return message;
  }

  void Raw(const std::string& bytes) {
    size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return;
      done += static_cast<size_t>(n);
    }
  }
  // Sends a frame as the script wants it.
  void SendFrame(FrameType type, std::string frame) ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_) {
    if (server_.script_.rewrite) server_.script_.rewrite(type, &frame);
    Raw(frame);
  }
  void Answer(FrameType type, const google::protobuf::MessageLite& message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_) {
    std::string out;
    AppendControlFrame(type, header_.request, message, &out);
    SendFrame(type, std::move(out));
  }
  void Fail(absl::StatusCode code, const std::string& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_) {
    wire::v1::Error error;
    error.set_code(static_cast<int>(code));
    error.set_message(why);
    Answer(FrameType::kError, error);
  }

  bool Handle() {
    if (header_.type == FrameType::kData) return TakeData();
    switch (server_.Judge(header_.type)) {
      case Action::kIgnore:
        return true;
      case Action::kClose:
        return false;
      case Action::kRefuse: {
        absl::MutexLock lock(&server_.mu_);
        Answer(FrameType::kError, server_.script_.refusal);
        return true;
      }
      case Action::kServe:
        break;
    }
    absl::MutexLock lock(&server_.mu_);
    return Serve();
  }
  bool Serve() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void PutOffer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void PutNode() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void PutCommit() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  bool PutBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void DeleteInBatch(const wire::v1::BatchItem& item, wire::v1::PutBatchDone::Answer* answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  bool Get() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  bool SendChunks(const std::vector<Chunk>& chunks, const wire::v1::Get::Item& asked)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  // Where all old chunks are known: tells the version's list, and takes out what the client has.
  void UseOldChunks(const std::string& old_chunk_ids, std::vector<Chunk>* chunks,
                    wire::v1::GetItems::Item* item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  // What the chunk is sent as when a base for it was offered; nothing: as it is.
  std::optional<wire::v1::GetDelta> DeltaFor(const wire::v1::GetBase& base, const std::string& raw)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  // The base's bytes; nothing when one of its chunks is not known.
  std::optional<std::string> BaseOf(const wire::v1::GetBase& base)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void GetNodes() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void GetRoots() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void GetEntries() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void List() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void History() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void Stat() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void Move() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void Delete() ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  void AnswerVersions(const std::vector<wire::v1::Version>& versions)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(server_.mu_);
  bool TakeData();
  // The raw chunk of the frame that was read, if it is what it says.
  std::optional<std::pair<ChunkId, std::string>> CheckedChunk();

  FakeServer& server_;
  const int fd_;
  FrameHeader header_;
  std::string frame_;
  ChunkEncoder encoder_;

  // The upload under way.
  uint16_t upload_ = 0;
  std::string path_;
  uint64_t ordinals_ = 0;
  uint64_t stored_bytes_ = 0;
  absl::flat_hash_map<NodeId, Node> new_nodes_;  // known to others once they are committed
  std::vector<ChunkId> wanted_;                  // in order; those before next_wanted_ have come
  size_t next_wanted_ = 0;
};

}  // namespace dray::testing

#endif  // DRAY_CLIENT_TESTING_FAKE_SERVER_SESSION_H_
