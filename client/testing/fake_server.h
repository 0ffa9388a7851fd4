#ifndef DRAY_CLIENT_TESTING_FAKE_SERVER_H_
#define DRAY_CLIENT_TESTING_FAKE_SERVER_H_

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "core/base/file.h"
#include "core/base/ids.h"
#include "core/chunking/node.h"
#include "core/framing/frame.h"
#include "core/net/address.h"
#include "dray/wire/v1/wire.pb.h"

namespace dray::testing {

// A server of the native dialect for the client's tests: in memory, a thread for each connection,
// on a port of its own. It checks what it gets as strictly as the format says, and misbehaves as
// told. Thread-safe.
class FakeServer {
 public:
  // What to do when a frame arrives.
  enum class Action { kServe, kIgnore, kClose, kRefuse };

  // Misbehaviour. All of it may be set between connections only.
  struct Script {
    // What it knows of what clients know beyond the first release.
    uint32_t features = 0;
    // Asked for each control frame; `count` is how many of its type came before. Empty: serve.
    std::function<Action(FrameType type, int count)> on_frame;
    wire::v1::Error refusal;     // for kRefuse
    bool corrupt_data = false;   // a byte of every chunk sent is wrong
    bool mislabel_data = false;  // every chunk is sent under another chunk's name, checksum right
    bool wrong_data_bytes = false;                          // GetItems says too much
    bool extra_data = false;                                // the last chunk is sent twice
    int close_after_data_frames = -1;                       // of the server's whole life; once
    std::optional<std::vector<wire::v1::Version>> listing;  // instead of the true one
    std::string undeletable;                                // a batch cannot delete this path
    int refuse_data_frames = 0;  // that many uploads end with ABORTED at their first data frame
    // Changes a frame that is about to be sent, header included: into another, several or none.
    // Empty: sent as it is.
    std::function<void(FrameType type, std::string* frame)> rewrite;
  };

  FakeServer();
  ~FakeServer();

  Address address() const { return {"127.0.0.1", port_}; }
  void SetScript(Script script);

  // The newest version; nothing where there is none or it is deleted.
  std::optional<wire::v1::Version> Find(const std::string& path);
  std::string Contents(const std::string& path);
  std::vector<std::string> Paths();
  // As if somebody had put it.
  void AddFile(const std::string& path, const std::string& contents);
  void AddVersion(wire::v1::Version version);

  int FramesSeen(FrameType type);
  int ConnectionsSeen();
  // The operation ids of PutOpen and PutBatch, as they came.
  std::vector<std::string> OperationIds();

 private:
  class Session;
  struct Chunk {
    ChunkId id;
    uint32_t length = 0;
  };

  void Accept();
  Action Judge(FrameType type);

  // The chunks of a tree in file order.
  std::vector<Chunk> ChunksOf(const std::string& root) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Makes a version; tells whether it only repeats the newest one.
  wire::v1::Version Commit(const std::string& path, const wire::v1::Metadata& metadata,
                           const std::string& root, bool* unchanged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  wire::v1::Version* Newest(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  UniqueFd listener_;
  uint16_t port_ = 0;

  absl::Mutex mu_;
  Script script_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::vector<wire::v1::Version>> versions_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<ChunkId, std::string> chunks_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<NodeId, Node> nodes_ ABSL_GUARDED_BY(mu_);
  std::map<FrameType, int> frames_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> operation_ids_ ABSL_GUARDED_BY(mu_);
  int data_frames_sent_ ABSL_GUARDED_BY(mu_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::list<int> sockets_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> sessions_ ABSL_GUARDED_BY(mu_);
  std::thread acceptor_;
};

}  // namespace dray::testing

#endif  // DRAY_CLIENT_TESTING_FAKE_SERVER_H_
