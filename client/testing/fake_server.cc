#include "client/testing/fake_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "client/testing/fake_server_session.h"
#include "core/chunking/chunker.h"
#include "core/chunking/sha256.h"
#include "core/chunking/tree_builder.h"

namespace dray::testing {

FakeServer::FakeServer() {
  listener_.Reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  ::listen(listener_.get(), 64);
  socklen_t size = sizeof(address);
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

FakeServer::~FakeServer() {
  ::shutdown(listener_.get(), SHUT_RDWR);
  acceptor_.join();
  std::vector<std::thread> sessions;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    for (const int fd : sockets_) ::shutdown(fd, SHUT_RDWR);
    sessions.swap(sessions_);
  }
  for (std::thread& session : sessions) session.join();
}

void FakeServer::Accept() {
  while (true) {
    const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    absl::MutexLock lock(&mu_);
    ++frames_[FrameType{}];
    const auto place = sockets_.insert(sockets_.end(), fd);
    sessions_.emplace_back([this, fd, place] {
      Session(this, fd).Run();
      absl::MutexLock ended(&mu_);
      sockets_.erase(place);
      ::close(fd);
    });
  }
}

FakeServer::Action FakeServer::Judge(FrameType type) {
  std::function<Action(FrameType, int)> on_frame;
  int count;
  {
    absl::MutexLock lock(&mu_);
    count = frames_[type]++;
    on_frame = script_.on_frame;
  }
  return on_frame ? on_frame(type, count) : Action::kServe;
}

void FakeServer::SetScript(Script script) {
  absl::MutexLock lock(&mu_);
  script_ = std::move(script);
}

wire::v1::Version* FakeServer::Newest(const std::string& path) {
  const auto found = versions_.find(path);
  if (found == versions_.end()) return nullptr;
  wire::v1::Version* newest = &found->second.back();
  return newest->metadata().kind() == wire::v1::DELETED ? nullptr : newest;
}

wire::v1::Version FakeServer::Commit(const std::string& path, const wire::v1::Metadata& metadata,
                                     const std::string& root, bool* unchanged) {
  const wire::v1::Version* newest = Newest(path);
  *unchanged = newest != nullptr && newest->root() == root &&
               newest->metadata().SerializeAsString() == metadata.SerializeAsString();
  if (*unchanged) return *newest;
  wire::v1::Version version;
  version.set_path(path);
  version.set_number(versions_[path].size() + 1);
  *version.mutable_metadata() = metadata;
  version.set_root(root);
  versions_[path].push_back(version);
  return version;
}

std::vector<FakeServer::Chunk> FakeServer::ChunksOf(const std::string& root) {
  std::vector<Chunk> chunks;
  const auto found = nodes_.find(*NodeId::FromBytes(root));
  if (found == nodes_.end()) return chunks;
  for (const Entry& entry : found->second.entries) {
    if (found->second.level == 0) {
      chunks.push_back({entry.chunk(), static_cast<uint32_t>(entry.length_bytes)});
      continue;
    }
    const auto below = ChunksOf(std::string(entry.id.view()));
    chunks.insert(chunks.end(), below.begin(), below.end());
  }
  return chunks;
}

std::optional<wire::v1::Version> FakeServer::Find(const std::string& path) {
  absl::MutexLock lock(&mu_);
  const auto* version = Newest(path);
  if (version == nullptr) return std::nullopt;
  return *version;
}

std::string FakeServer::Contents(const std::string& path) {
  absl::MutexLock lock(&mu_);
  std::string contents;
  const auto* version = Newest(path);
  if (version == nullptr) return "(nothing)";
  for (const Chunk& chunk : ChunksOf(version->root())) contents += chunks_[chunk.id];
  return contents;
}

std::vector<std::string> FakeServer::Paths() {
  absl::MutexLock lock(&mu_);
  std::vector<std::string> paths;
  for (const auto& [path, versions] : versions_) {
    if (Newest(path) != nullptr) paths.push_back(path);
  }
  return paths;
}

void FakeServer::AddFile(const std::string& path, const std::string& contents) {
  absl::MutexLock lock(&mu_);
  TreeBuilder builder([&](TreeBuilder::FinishedNode node)
                          ABSL_NO_THREAD_SAFETY_ANALYSIS { nodes_[node.id] = node.node; });
  for (Bytes rest = AsBytes(contents); !rest.empty();) {
    const Bytes chunk = rest.first(CutChunk(rest));
    rest.remove_prefix(chunk.size());
    const auto id = Sha256(chunk).As<ChunkTag>();
    chunks_[id] = std::string(AsText(chunk));
    builder.Add(id, static_cast<uint32_t>(chunk.size()));
  }
  wire::v1::Metadata metadata;
  metadata.set_kind(wire::v1::FILE);
  metadata.set_mode(0644);
  metadata.set_mtime_ns(1'000'000'000'123'456'789);
  metadata.set_size(contents.size());
  bool unchanged = false;
  Commit(path, metadata, std::string(builder.Finish().view()), &unchanged);
}

void FakeServer::AddVersion(wire::v1::Version version) {
  absl::MutexLock lock(&mu_);
  versions_[version.path()].push_back(std::move(version));
}

int FakeServer::FramesSeen(FrameType type) {
  absl::MutexLock lock(&mu_);
  return frames_[type];
}

int FakeServer::ConnectionsSeen() { return FramesSeen(FrameType{}); }

std::vector<std::string> FakeServer::OperationIds() {
  absl::MutexLock lock(&mu_);
  return operation_ids_;
}

}  // namespace dray::testing
