#ifndef DRAY_SERVICES_DELTA_ENGINE_SERVICE_FIXTURE_H_
#define DRAY_SERVICES_DELTA_ENGINE_SERVICE_FIXTURE_H_

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "dray/delta/v1/delta.grpc.pb.h"
#include "services/delta/engine/server.h"
#include "services/delta/testing/fixtures.h"

// For tests of the service over a real connection.
namespace dray::delta {

MATCHER_P(HasGrpcCode, code, "") {
  *result_listener << arg.error_code() << ": " << arg.error_message();
  return arg.error_code() == code;
}

inline void SetChunk(const StoredChunk& chunk, v1::StoredChunk* out) {
  out->set_id(std::string(chunk.id.view()));
  out->set_length(chunk.length_bytes);
  out->set_segment(static_cast<uint64_t>(chunk.segment));
  out->set_offset(chunk.offset);
  out->set_stored(chunk.stored_bytes);
}

// A Compare stream, step by step.
class CompareStream {
 public:
  explicit CompareStream(v1::Delta::Stub& stub) : stream_(stub.Compare(&context_)) {
    v1::CompareResponse response;
    EXPECT_TRUE(stream_->Read(&response));
    session_ = response.opened().session();
    EXPECT_NE(session_, 0u);
  }
  ~CompareStream() { context_.TryCancel(); }

  uint64_t session() const { return session_; }

  v1::CompareResponse::Known Offer(const std::vector<NodeId>& ids,
                                   const std::string& base_path = "",
                                   const std::vector<uint64_t>& shapes = {}) {
    v1::CompareRequest request;
    request.mutable_offer()->set_base_path(base_path);
    request.mutable_offer()->mutable_shapes()->Add(shapes.begin(), shapes.end());
    for (const NodeId& id : ids) request.mutable_offer()->mutable_node_ids()->append(id.view());
    return Exchange(request).known();
  }
  std::vector<uint32_t> Tell(uint64_t ordinal, const std::string& encoding) {
    v1::CompareRequest request;
    request.mutable_node()->set_ordinal(ordinal);
    request.mutable_node()->set_encoding(encoding);
    const v1::CompareResponse response = Exchange(request);
    EXPECT_EQ(response.wanted().ordinal(), ordinal);
    bases_ = {response.wanted().bases().begin(), response.wanted().bases().end()};
    return {response.wanted().missing().begin(), response.wanted().missing().end()};
  }
  // Those of the last answer.
  const std::vector<v1::CompareResponse::Base>& bases() const { return bases_; }
  grpc::Status Finish() {
    stream_->WritesDone();
    v1::CompareResponse response;
    while (stream_->Read(&response)) {
    }
    return stream_->Finish();
  }

 private:
  v1::CompareResponse Exchange(const v1::CompareRequest& request) {
    v1::CompareResponse response;
    stream_->Write(request);
    stream_->Read(&response);
    return response;
  }

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::CompareRequest, v1::CompareResponse>> stream_;
  uint64_t session_ = 0;
  std::vector<v1::CompareResponse::Base> bases_;
};

class DeltaServiceTest : public testing::Test {
 protected:
  DeltaServiceTest() {
    auto server = DeltaServer::Start({.listen = "127.0.0.1:0", .now = absl::GetCurrentTimeNanos},
                                     catalog_.get(), &metrics_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::Delta::NewStub(grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                                   grpc::InsecureChannelCredentials()));
  }
  ~DeltaServiceTest() override {
    server_->Stop(absl::Seconds(1));
    ExpectConsistent(*catalog_);
  }

  grpc::Status AddChunks(uint64_t session, const std::vector<StoredChunk>& chunks) {
    v1::AddChunksRequest request;
    request.set_session(session);
    for (const StoredChunk& chunk : chunks) SetChunk(chunk, request.add_chunks());
    grpc::ClientContext context;
    v1::AddChunksResponse response;
    return stub_->AddChunks(&context, request, &response);
  }

  v1::CommitRequest CommitOf(uint64_t session, const std::string& path, const TestFile& file) {
    v1::CommitRequest request;
    request.set_session(session);
    request.set_path(path);
    request.mutable_metadata()->set_kind(wire::v1::FILE);
    request.mutable_metadata()->set_mode(0644);
    request.mutable_metadata()->set_size(file.size);
    request.set_root(std::string(file.root.view()));
    request.set_author("tester");
    return request;
  }
  grpc::Status Commit(const v1::CommitRequest& request, v1::CommitResponse* response = nullptr) {
    grpc::ClientContext context;
    v1::CommitResponse unused;
    return stub_->Commit(&context, request, response != nullptr ? response : &unused);
  }

  // Offers and tells the file's nodes; returns the chunks that are wanted.
  std::vector<StoredChunk> Compare(CompareStream& stream, const TestFile& file) {
    std::vector<NodeId> ids;
    for (const auto& node : file.nodes) ids.push_back(node.id);
    const auto known = stream.Offer(ids);
    EXPECT_EQ(known.answered(), ids.size());
    std::vector<StoredChunk> wanted;
    for (uint64_t ordinal : known.unknown()) {
      const auto& node = file.nodes[ordinal];
      for (uint32_t index : stream.Tell(ordinal, node.encoding)) {
        const auto chunk = std::find_if(
            file.chunks.begin(), file.chunks.end(),
            [&](const StoredChunk& c) { return c.id == node.node.entries[index].chunk(); });
        wanted.push_back(*chunk);
      }
    }
    return wanted;
  }

  grpc::Status Put(const std::string& path, const TestFile& file) {
    CompareStream stream(*stub_);
    EXPECT_TRUE(AddChunks(stream.session(), Compare(stream, file)).ok());
    return Commit(CommitOf(stream.session(), path, file));
  }

  static v1::CommitBatchRequest::Item BatchItem(const std::string& path, const TestFile& file) {
    v1::CommitBatchRequest::Item item;
    item.set_path(path);
    item.mutable_metadata()->set_kind(wire::v1::FILE);
    item.mutable_metadata()->set_size(file.size);
    for (const auto& node : file.nodes) item.add_nodes(node.encoding);
    return item;
  }
  v1::CommitBatchResponse CommitBatch(const v1::CommitBatchRequest& request) {
    grpc::ClientContext context;
    v1::CommitBatchResponse response;
    const grpc::Status status = stub_->CommitBatch(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  struct Resolved {
    v1::ResolveResponse::Header header;
    std::vector<std::string> ids;
    uint64_t bytes = 0;
  };
  std::vector<Resolved> Resolve(const v1::ResolveRequest& request) {
    grpc::ClientContext context;
    auto stream = stub_->Resolve(&context, request);
    std::vector<Resolved> items;
    for (v1::ResolveResponse response; stream->Read(&response);) {
      EXPECT_LT(response.ByteSizeLong(), 1u << 20);
      if (response.has_header()) {
        items.push_back({.header = response.header()});
      } else {
        EXPECT_LE(response.chunks().chunks_size(), 2000);
        for (const auto& chunk : response.chunks().chunks()) {
          items.back().ids.push_back(chunk.id());
          items.back().bytes += chunk.length();
        }
      }
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return items;
  }

  grpc::Status List(const std::string& path, bool recursive, std::vector<std::string>* paths) {
    v1::ListRequest request;
    request.set_path(path);
    request.set_recursive(recursive);
    grpc::ClientContext context;
    auto stream = stub_->List(&context, request);
    for (v1::VersionsResponse response; stream->Read(&response);) {
      EXPECT_LT(response.ByteSizeLong(), 1u << 20);
      for (const auto& version : response.versions()) paths->push_back(version.path());
    }
    return stream->Finish();
  }

  const std::string file_ = NewTestFolder() + "/catalog.db";
  prometheus::Registry registry_;
  DeltaMetrics metrics_{registry_};
  std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(file_);
  std::unique_ptr<DeltaServer> server_;
  std::unique_ptr<v1::Delta::Stub> stub_;
};

}  // namespace dray::delta

#endif  // DRAY_SERVICES_DELTA_ENGINE_SERVICE_FIXTURE_H_
