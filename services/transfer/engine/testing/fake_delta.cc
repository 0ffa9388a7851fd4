#include "services/transfer/engine/testing/fake_delta.h"

#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "core/base/ids.h"
#include "core/chunking/node.h"
#include "dray/delta/v1/delta.grpc.pb.h"

namespace dray::transfer {
namespace {

namespace v1 = ::dray::delta::v1;
using wire::v1::Version;

grpc::Status Fail(grpc::StatusCode code, const std::string& message) { return {code, message}; }

// What the service knows; outlives a stopped server.
struct Memory {
  absl::Mutex mutex;
  absl::Duration delay ABSL_GUARDED_BY(mutex);
  bool old ABSL_GUARDED_BY(mutex) = false;
  std::map<std::string, v1::StoredChunk> chunks ABSL_GUARDED_BY(mutex);
  std::map<std::string, Node> nodes ABSL_GUARDED_BY(mutex);  // by id
  std::map<std::string, std::vector<Version>> files ABSL_GUARDED_BY(mutex);

  void Keep(const google::protobuf::RepeatedPtrField<v1::StoredChunk>& stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    for (const v1::StoredChunk& chunk : stored) chunks.emplace(chunk.id(), chunk);
  }

  // The chunk entries beneath a node, in order; false when a node is not known.
  bool CollectChunks(const std::string& id, std::vector<Entry>* out)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto found = nodes.find(id);
    if (found == nodes.end()) return false;
    for (const Entry& entry : found->second.entries) {
      if (found->second.level == 0) {
        out->push_back(entry);
      } else if (!CollectChunks(std::string(entry.id.view()), out)) {
        return false;
      }
    }
    return true;
  }

  const Version* Find(const std::string& path, uint64_t number)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    const auto found = files.find(path);
    if (found == files.end() || number > found->second.size()) return nullptr;
    const Version& version = found->second[(number == 0 ? found->second.size() : number) - 1];
    if (number == 0 && version.metadata().kind() == wire::v1::DELETED) return nullptr;
    return &version;
  }

  // Returns the newest version and whether it was that already.
  std::pair<Version, bool> Add(const std::string& path, const wire::v1::Metadata& metadata,
                               const std::string& root) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    std::vector<Version>& versions = files[path];
    if (!versions.empty() && versions.back().root() == root &&
        versions.back().metadata().SerializeAsString() == metadata.SerializeAsString()) {
      return {versions.back(), true};
    }
    Version version;
    version.set_path(path);
    version.set_number(versions.size() + 1);
    *version.mutable_metadata() = metadata;
    version.set_root(root);
    version.set_committed_ns(absl::GetCurrentTimeNanos());
    versions.push_back(version);
    return {version, false};
  }
};

grpc::Status NoSuchPath(const std::string& path) {
  return Fail(grpc::StatusCode::NOT_FOUND, "there is no \"" + path + "\"");
}

class Service final : public v1::Delta::Service {
 public:
  explicit Service(Memory* memory) : memory_(*memory) {}

  grpc::Status Compare(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::CompareResponse, v1::CompareRequest>* stream) override {
    v1::CompareResponse opened;
    opened.mutable_opened()->set_session(1);
    stream->Write(opened);
    std::vector<std::string> offered;
    std::set<std::string> asked;
    std::string base_path;
    v1::CompareRequest request;
    while (stream->Read(&request)) {
      Wait();
      v1::CompareResponse answer;
      if (request.has_offer()) {
        if (offered.empty()) base_path = request.offer().base_path();
        AnswerOffer(request.offer().node_ids(), &offered, answer.mutable_known());
        if (request.offer().shapes_size() > 0) AddOlds(base_path, answer.mutable_known());
      } else {
        grpc::Status status = AnswerNode(request.node(), offered, &asked, answer.mutable_wanted());
        if (!status.ok()) return status;
        absl::MutexLock lock(&memory_.mutex);
        AddBases(base_path, answer.mutable_wanted());
      }
      if (!stream->Write(answer)) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status AddChunks(grpc::ServerContext*, const v1::AddChunksRequest* request,
                         v1::AddChunksResponse*) override {
    Wait();
    absl::MutexLock lock(&memory_.mutex);
    memory_.Keep(request->chunks());
    return grpc::Status::OK;
  }

  grpc::Status Commit(grpc::ServerContext*, const v1::CommitRequest* request,
                      v1::CommitResponse* response) override {
    Wait();
    absl::MutexLock lock(&memory_.mutex);
    std::vector<Entry> entries;
    if (!memory_.CollectChunks(request->root(), &entries)) {
      return Fail(grpc::StatusCode::ABORTED, "the root is not known; put the file again");
    }
    for (const Entry& entry : entries) {
      if (!memory_.chunks.contains(std::string(entry.id.view()))) {
        return Fail(grpc::StatusCode::FAILED_PRECONDITION,
                    "chunk " + entry.id.hex() + " never came");
      }
    }
    auto [version, unchanged] = memory_.Add(request->path(), request->metadata(), request->root());
    *response->mutable_version() = version;
    response->set_unchanged(unchanged);
    return grpc::Status::OK;
  }

  grpc::Status CommitBatch(grpc::ServerContext*, const v1::CommitBatchRequest* request,
                           v1::CommitBatchResponse* response) override {
    Wait();
    absl::MutexLock lock(&memory_.mutex);
    memory_.Keep(request->chunks());
    for (const v1::CommitBatchRequest::Item& item : request->items()) {
      v1::CommitBatchResponse::Answer* const answer = response->add_answers();
      CommitItem(item, answer);
      if (request->bases()) AddBases(item.path(), answer);
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadNodes(grpc::ServerContext*, const v1::ReadNodesRequest* request,
                         v1::ReadNodesResponse* response) override {
    absl::MutexLock lock(&memory_.mutex);
    const std::string& ids = request->node_ids();
    for (size_t at = 0; at < ids.size(); at += kDigestBytes) {
      const auto found = memory_.nodes.find(ids.substr(at, kDigestBytes));
      response->add_encodings(found == memory_.nodes.end() ? "" : EncodeNode(found->second));
    }
    return grpc::Status::OK;
  }

  grpc::Status FindRoots(grpc::ServerContext*, const v1::FindRootsRequest* request,
                         v1::FindRootsResponse* response) override {
    absl::MutexLock lock(&memory_.mutex);
    if (memory_.old) return {grpc::StatusCode::UNIMPLEMENTED, ""};
    for (const v1::FindRootsRequest::Item& asked : request->items()) {
      const Version* version = memory_.Find(asked.path(), asked.number());
      response->mutable_roots()->append(version ? version->root()
                                                : std::string(kDigestBytes, '\0'));
    }
    return grpc::Status::OK;
  }

  grpc::Status FindChunks(grpc::ServerContext*, const v1::FindChunksRequest* request,
                          v1::FindChunksResponse* response) override {
    absl::MutexLock lock(&memory_.mutex);
    const std::string& ids = request->chunk_ids();
    for (size_t at = 0; at < ids.size(); at += kDigestBytes) {
      const auto found = memory_.chunks.find(ids.substr(at, kDigestBytes));
      *response->add_chunks() = found == memory_.chunks.end() ? v1::StoredChunk() : found->second;
    }
    return grpc::Status::OK;
  }

  grpc::Status Resolve(grpc::ServerContext*, const v1::ResolveRequest* request,
                       grpc::ServerWriter<v1::ResolveResponse>* writer) override {
    Wait();
    std::vector<v1::ResolveResponse> answers;
    {
      absl::MutexLock lock(&memory_.mutex);
      for (const v1::ResolveRequest::Item& item : request->items()) ResolveItem(item, &answers);
    }
    for (const v1::ResolveResponse& answer : answers) {
      if (!writer->Write(answer)) break;
    }
    return grpc::Status::OK;
  }

  grpc::Status List(grpc::ServerContext*, const v1::ListRequest* request,
                    grpc::ServerWriter<v1::VersionsResponse>* writer) override {
    Wait();
    const std::string prefix = request->path().empty() ? "" : request->path() + "/";
    v1::VersionsResponse answer;
    {
      absl::MutexLock lock(&memory_.mutex);
      for (const auto& [path, versions] : memory_.files) {
        if (path.starts_with(prefix) && memory_.Find(path, 0))
          *answer.add_versions() = versions.back();
      }
    }
    if (answer.versions_size() == 0 && !prefix.empty()) return NoSuchPath(request->path());
    writer->Write(answer);
    return grpc::Status::OK;
  }

  grpc::Status Stat(grpc::ServerContext*, const v1::StatRequest* request,
                    v1::ChangedResponse* response) override {
    Wait();
    absl::MutexLock lock(&memory_.mutex);
    const Version* version = memory_.Find(request->path(), request->number());
    if (!version) return NoSuchPath(request->path());
    *response->mutable_version() = *version;
    return grpc::Status::OK;
  }

  grpc::Status History(grpc::ServerContext*, const v1::HistoryRequest* request,
                       grpc::ServerWriter<v1::VersionsResponse>* writer) override {
    Wait();
    v1::VersionsResponse answer;
    {
      absl::MutexLock lock(&memory_.mutex);
      const auto found = memory_.files.find(request->path());
      if (found == memory_.files.end()) return NoSuchPath(request->path());
      answer.mutable_versions()->Add(found->second.begin(), found->second.end());
    }
    writer->Write(answer);
    return grpc::Status::OK;
  }

  grpc::Status Move(grpc::ServerContext*, const v1::MoveRequest* request,
                    v1::ChangedResponse* response) override {
    absl::MutexLock lock(&memory_.mutex);
    if (!memory_.Find(request->from(), 0)) return NoSuchPath(request->from());
    if (memory_.Find(request->to(), 0)) return Fail(grpc::StatusCode::ALREADY_EXISTS, "taken");
    auto versions = memory_.files.extract(request->from());
    versions.key() = request->to();
    for (Version& version : versions.mapped()) version.set_path(request->to());
    *response->mutable_version() = versions.mapped().back();
    memory_.files.insert(std::move(versions));
    response->set_entries(1);
    return grpc::Status::OK;
  }

  grpc::Status Delete(grpc::ServerContext*, const v1::DeleteRequest* request,
                      v1::ChangedResponse* response) override {
    absl::MutexLock lock(&memory_.mutex);
    if (!memory_.Find(request->path(), 0)) return NoSuchPath(request->path());
    wire::v1::Metadata deleted;
    deleted.set_kind(wire::v1::DELETED);
    *response->mutable_version() = memory_.Add(request->path(), deleted, "").first;
    response->set_entries(1);
    return grpc::Status::OK;
  }

  grpc::Status Restore(grpc::ServerContext*, const v1::RestoreRequest* request,
                       v1::ChangedResponse* response) override {
    absl::MutexLock lock(&memory_.mutex);
    const auto found = memory_.files.find(request->path());
    if (found == memory_.files.end()) return NoSuchPath(request->path());
    const uint64_t number = request->number() != 0 ? request->number() : found->second.size() - 1;
    const Version* old = memory_.Find(request->path(), number);
    if (!old) return NoSuchPath(request->path());
    const Version copy = *old;
    *response->mutable_version() = memory_.Add(request->path(), copy.metadata(), copy.root()).first;
    response->set_entries(1);
    return grpc::Status::OK;
  }

 private:
  void Wait() {
    absl::Duration delay;
    {
      absl::MutexLock lock(&memory_.mutex);
      delay = memory_.delay;
    }
    absl::SleepFor(delay);
  }

  void AnswerOffer(const std::string& ids, std::vector<std::string>* offered,
                   v1::CompareResponse::Known* known) {
    absl::MutexLock lock(&memory_.mutex);
    for (size_t at = 0; at + kDigestBytes <= ids.size(); at += kDigestBytes) {
      const std::string id = ids.substr(at, kDigestBytes);
      if (!memory_.nodes.contains(id)) known->add_unknown(offered->size());
      offered->push_back(id);
    }
    known->set_answered(offered->size());
  }

  // The old entries of an unknown node are the first of the newest version of the path.
  void AddOlds(const std::string& path, v1::CompareResponse::Known* known) {
    absl::MutexLock lock(&memory_.mutex);
    const auto file = memory_.files.find(path);
    Node old;
    if (path.empty() || file == memory_.files.end()) return;
    if (!memory_.CollectChunks(file->second.back().root(), &old.entries)) return;
    old.entries.resize(std::min(old.entries.size(), kMaxNodeEntries));
    for (const uint64_t ordinal : known->unknown()) {
      auto* const out = known->add_olds();
      out->set_ordinal(ordinal);
      out->set_entries(EncodeNode(old).substr(kNodeHeadBytes));
    }
  }

  grpc::Status AnswerNode(const v1::CompareRequest::NodeEntries& entries,
                          const std::vector<std::string>& offered, std::set<std::string>* asked,
                          v1::CompareResponse::Wanted* wanted) {
    const auto node = DecodeNode(AsBytes(entries.encoding()));
    const std::string id(IdOfNode(AsBytes(entries.encoding())).view());
    if (!node.ok() || entries.ordinal() >= offered.size() || offered[entries.ordinal()] != id) {
      return Fail(grpc::StatusCode::INVALID_ARGUMENT, "the node is not the one that was offered");
    }
    wanted->set_ordinal(entries.ordinal());
    absl::MutexLock lock(&memory_.mutex);
    for (size_t i = 0; node->level == 0 && i < node->entries.size(); ++i) {
      const std::string chunk(node->entries[i].id.view());
      if (!memory_.chunks.contains(chunk) && asked->insert(chunk).second) {
        wanted->add_missing(static_cast<uint32_t>(i));
      }
    }
    memory_.nodes[id] = *node;
    return grpc::Status::OK;
  }

  // The base of a missing chunk is the one at the same index in the newest version of the path.
  template <typename Answer>
  void AddBases(const std::string& path, Answer* wanted)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(memory_.mutex) {
    const auto file = memory_.files.find(path);
    std::vector<Entry> old;
    if (path.empty() || file == memory_.files.end()) return;
    if (!memory_.CollectChunks(file->second.back().root(), &old)) return;
    for (int i = 0; i < wanted->missing_size(); ++i) {
      if (wanted->missing(i) >= old.size()) break;
      auto* const base = wanted->add_bases();
      base->set_first(static_cast<uint32_t>(i));
      base->set_count(1);
      *base->add_chunks() = memory_.chunks[std::string(old[wanted->missing(i)].id.view())];
    }
  }

  void CommitItem(const v1::CommitBatchRequest::Item& item, v1::CommitBatchResponse::Answer* answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(memory_.mutex) {
    if (item.metadata().kind() == wire::v1::DELETED && memory_.old) {
      answer->set_code(static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT));
      answer->set_message("kind 4 cannot be committed");
      return;
    }
    std::string root;
    uint32_t index = 0;
    for (const std::string& encoding : item.nodes()) {
      const auto node = DecodeNode(AsBytes(encoding));
      if (!node.ok()) {
        answer->set_code(static_cast<int>(node.status().code()));
        answer->set_message(std::string(node.status().message()));
        return;
      }
      root = std::string(IdOfNode(AsBytes(encoding)).view());
      for (size_t i = 0; node->level == 0 && i < node->entries.size(); ++i, ++index) {
        if (!memory_.chunks.contains(std::string(node->entries[i].id.view()))) {
          answer->add_missing(index);
        }
      }
      memory_.nodes[root] = *node;
    }
    if (answer->missing_size() > 0) return;
    auto [version, unchanged] = memory_.Add(item.path(), item.metadata(), root);
    answer->set_version(version.number());
    answer->set_unchanged(unchanged);
  }

  static bool Touches(const v1::ResolveRequest::Item& item, uint64_t begin, uint64_t end) {
    if (item.ranges().empty()) return true;
    for (const auto& range : item.ranges()) {
      if (begin < range.offset() + range.length() && range.offset() < end) return true;
    }
    return false;
  }

  void ResolveItem(const v1::ResolveRequest::Item& item, std::vector<v1::ResolveResponse>* answers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(memory_.mutex) {
    v1::ResolveResponse::Header* header = answers->emplace_back().mutable_header();
    const Version* version = memory_.Find(item.path(), item.number());
    if (!version) {
      header->set_code(static_cast<int>(grpc::StatusCode::NOT_FOUND));
      header->set_message(NoSuchPath(item.path()).error_message());
      return;
    }
    *header->mutable_version() = *version;
    header->set_same(!item.have_root().empty() && item.have_root() == version->root());
    if (header->same()) return;
    std::vector<Entry> entries;
    memory_.CollectChunks(version->root(), &entries);
    v1::ResolveResponse chunks;
    uint64_t offset = 0, data_bytes = 0;
    for (const Entry& entry : entries) {
      const uint64_t begin = std::exchange(offset, offset + entry.length_bytes);
      if (!Touches(item, begin, offset)) continue;
      data_bytes += entry.length_bytes;
      *chunks.mutable_chunks()->add_chunks() = memory_.chunks[std::string(entry.id.view())];
    }
    header->set_data_bytes(data_bytes);
    if (data_bytes > 0) answers->push_back(std::move(chunks));
  }

  Memory& memory_;
};

}  // namespace

class FakeDelta::Impl {
 public:
  explicit Impl(int port) : port_(port) { Start(); }
  ~Impl() { Stop(); }

  void Start() {
    grpc::EnableDefaultHealthCheckService(true);
    service_ = std::make_unique<Service>(&memory);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_),
                             grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    if (!server_) std::abort();  // a test's port was taken by somebody else
  }

  void Stop() {
    if (!server_) return;
    server_->Shutdown(absl::ToChronoTime(absl::Now()));
    server_->Wait();
    server_.reset();
    service_.reset();
  }

  int port() const { return port_; }

  Memory memory;

 private:
  int port_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

FakeDelta::FakeDelta(int port) : impl_(std::make_unique<Impl>(port)) {}
FakeDelta::~FakeDelta() = default;

std::string FakeDelta::address() const { return "127.0.0.1:" + std::to_string(impl_->port()); }
int FakeDelta::port() const { return impl_->port(); }

size_t FakeDelta::chunk_count() const {
  absl::MutexLock lock(&impl_->memory.mutex);
  return impl_->memory.chunks.size();
}

size_t FakeDelta::version_count(const std::string& path) const {
  absl::MutexLock lock(&impl_->memory.mutex);
  const auto found = impl_->memory.files.find(path);
  return found == impl_->memory.files.end() ? 0 : found->second.size();
}

void FakeDelta::SetDelay(absl::Duration delay) {
  absl::MutexLock lock(&impl_->memory.mutex);
  impl_->memory.delay = delay;
}

void FakeDelta::BecomeOld() {
  absl::MutexLock lock(&impl_->memory.mutex);
  impl_->memory.old = true;
}

void FakeDelta::Stop() { impl_->Stop(); }
void FakeDelta::Start() { impl_->Start(); }

}  // namespace dray::transfer
