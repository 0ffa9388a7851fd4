#include "services/transfer/admin/store_service.h"

#include <string>
#include <utility>
#include <vector>

#include "dray/transfer/v1/transfer.grpc.pb.h"
#include "services/transfer/admin/chunk_verifier.h"

namespace dray::transfer {
namespace {

namespace v1 = ::dray::transfer::v1;

constexpr int kRecordsPerMessage = 4096;

grpc::Status ToGrpc(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

grpc::Status CallerLeft() { return {grpc::StatusCode::CANCELLED, "the caller has gone"}; }

// Sends what a scan finds, in messages of bounded size.
class ScanAnswer {
 public:
  explicit ScanAnswer(grpc::ServerWriter<v1::ScanSegmentsResponse>* writer) : writer_(writer) {}

  void Add(const ScannedRecord& record) {
    v1::RecordLocation* out = answer_.add_records();
    out->set_id(std::string(record.id.view()));
    out->set_length(record.raw_bytes);
    out->set_segment(static_cast<uint64_t>(record.location.segment));
    out->set_offset(record.location.offset_bytes);
    out->set_stored(record.location.stored_bytes);
    FlushIfFull();
  }

  void Add(SegmentId segment, uint64_t offset_bytes, uint64_t length_bytes, std::string what) {
    v1::DamagedRange* out = answer_.add_damaged();
    out->set_segment(static_cast<uint64_t>(segment));
    out->set_offset(offset_bytes);
    out->set_length(length_bytes);
    out->set_what(std::move(what));
    FlushIfFull();
  }

  // Whether the caller still listens.
  bool Flush() {
    if (answer_.records_size() + answer_.damaged_size() > 0) {
      listening_ = listening_ && writer_->Write(answer_);
      answer_.Clear();
    }
    return listening_;
  }

 private:
  void FlushIfFull() {
    if (answer_.records_size() + answer_.damaged_size() >= kRecordsPerMessage) Flush();
  }

  grpc::ServerWriter<v1::ScanSegmentsResponse>* const writer_;
  v1::ScanSegmentsResponse answer_;
  bool listening_ = true;
};

class StoreService final : public v1::Store::Service {
 public:
  StoreService(SegmentStore* store, Leases* operations) : store_(store), operations_(*operations) {}

  grpc::Status ScanSegments(grpc::ServerContext*, const v1::ScanSegmentsRequest* request,
                            grpc::ServerWriter<v1::ScanSegmentsResponse>* writer) override {
    const Leases::Lease lease = operations_.Begin();
    std::vector<SegmentId> segments;
    for (uint64_t id : request->segments()) segments.push_back(SegmentId{id});
    if (segments.empty()) {
      auto all = store_->List();
      if (!all.ok()) return ToGrpc(all.status());
      for (const SegmentInfo& info : *all) segments.push_back(info.id);
    }
    ScanAnswer answer(writer);
    for (SegmentId id : segments) {
      const absl::Status status = store_->Scan(
          id, [&](const ScannedRecord& record) { answer.Add(record); },
          [&](const DamagedRange& range) {
            answer.Add(range.segment, range.offset_bytes, range.length_bytes, "no valid record");
          });
      if (!status.ok()) answer.Add(id, 0, 0, std::string(status.message()));
      if (!answer.Flush()) return CallerLeft();
    }
    return grpc::Status::OK;
  }

  grpc::Status VerifyChunks(grpc::ServerContext*,
                            grpc::ServerReaderWriter<v1::VerifyChunksResponse,
                                                     v1::VerifyChunksRequest>* stream) override {
    const Leases::Lease lease = operations_.Begin();
    ChunkVerifier verifier(store_);
    v1::VerifyChunksRequest request;
    while (stream->Read(&request)) {
      v1::VerifyChunksResponse answer;
      for (v1::RecordLocation& record : *request.mutable_records()) {
        const absl::Status status = Verify(verifier, record);
        if (status.code() == absl::StatusCode::kInvalidArgument) return ToGrpc(status);
        if (status.ok()) continue;
        v1::VerifyChunksResponse::Wrong* wrong = answer.add_wrong();
        wrong->set_what(std::string(status.message()));
        wrong->mutable_record()->Swap(&record);
      }
      answer.set_verified(static_cast<uint64_t>(request.records_size()));
      if (!stream->Write(answer)) return CallerLeft();
    }
    return grpc::Status::OK;
  }

 private:
  static absl::Status Verify(ChunkVerifier& verifier, const v1::RecordLocation& record) {
    const std::optional<ChunkId> id = ChunkId::FromBytes(record.id());
    if (!id) return absl::InvalidArgumentError("a chunk id has 32 bytes");
    return verifier.Verify(
        {*id, record.length(), {SegmentId{record.segment()}, record.offset(), record.stored()}});
  }

  SegmentStore* const store_;
  Leases& operations_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeStoreService(SegmentStore* store, Leases* operations) {
  return std::make_unique<StoreService>(store, operations);
}

}  // namespace dray::transfer
