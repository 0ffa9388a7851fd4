#include "services/transfer/admin/store_service.h"

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "core/base/random.h"
#include "core/chunking/sha256.h"
#include "core/framing/data_frame.h"
#include "core/segment/local_segment_store.h"
#include "dray/transfer/v1/transfer.grpc.pb.h"

namespace dray::transfer {
namespace {

namespace v1 = ::dray::transfer::v1;

std::string MakeRecord(const std::string& raw) {
  DataFrame frame{Sha256(AsBytes(raw)).As<ChunkTag>(), static_cast<uint32_t>(raw.size()), false,
                  AsBytes(raw)};
  std::string record(kDataFrameOverheadBytes, '\0');
  WriteDataFrameHead(frame, reinterpret_cast<uint8_t*>(record.data()));
  return record + raw;
}

// A store with three records, served over gRPC on loopback.
class StoreServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "/store_service_" + absl::StrFormat("%x", RandomWord());
    auto store = OpenLocalSegmentStore(folder_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    auto writer = store_->Lease();
    ASSERT_TRUE(writer.ok());
    auto locations = (*writer)->Append(
        AsBytes(MakeRecord("first") + MakeRecord("second") + MakeRecord("third")));
    ASSERT_TRUE(locations.ok());
    locations_ = *locations;
    ASSERT_TRUE((*writer)->Sync().ok());
    service_ = MakeStoreService(store_.get(), &operations_);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(service_.get());
    server_ = builder.BuildAndStart();
    ASSERT_TRUE(server_);
    stub_ = v1::Store::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                   grpc::InsecureChannelCredentials()));
  }

  v1::ScanSegmentsResponse Scan() {
    grpc::ClientContext context;
    auto reader = stub_->ScanSegments(&context, {});
    v1::ScanSegmentsResponse all, part;
    while (reader->Read(&part)) all.MergeFrom(part);
    EXPECT_TRUE(reader->Finish().ok());
    return all;
  }

  v1::VerifyChunksResponse Verify(const v1::ScanSegmentsResponse& scanned) {
    grpc::ClientContext context;
    auto stream = stub_->VerifyChunks(&context);
    v1::VerifyChunksRequest request;
    *request.mutable_records() = scanned.records();
    EXPECT_TRUE(stream->Write(request));
    v1::VerifyChunksResponse answer;
    EXPECT_TRUE(stream->Read(&answer));
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
    return answer;
  }

  void FlipByteOfSecondRecord() {
    const std::string name =
        absl::StrFormat("%s/%016x.open", folder_, static_cast<uint64_t>(locations_[1].segment));
    auto fd = OpenFile(name, O_RDWR);
    ASSERT_TRUE(fd.ok()) << fd.status();
    ASSERT_TRUE(
        WriteAt(fd->get(), locations_[1].offset_bytes + kDataFrameOverheadBytes, AsBytes("S"))
            .ok());
  }

  std::string folder_;
  std::unique_ptr<SegmentStore> store_;
  std::vector<RecordLocation> locations_;
  Leases operations_;
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Store::Stub> stub_;
};

TEST_F(StoreServiceTest, ScanTellsEveryRecordAndVerifyFindsThemRight) {
  const v1::ScanSegmentsResponse scanned = Scan();
  ASSERT_EQ(scanned.records_size(), 3);
  EXPECT_EQ(scanned.damaged_size(), 0);
  EXPECT_EQ(scanned.records(1).id(), Sha256(AsBytes("second")).view());
  EXPECT_EQ(scanned.records(1).offset(), locations_[1].offset_bytes);
  const v1::VerifyChunksResponse answer = Verify(scanned);
  EXPECT_EQ(answer.verified(), 3u);
  EXPECT_EQ(answer.wrong_size(), 0);
}

TEST_F(StoreServiceTest, AFlippedByteIsFoundByBoth) {
  const v1::ScanSegmentsResponse before = Scan();
  FlipByteOfSecondRecord();
  const v1::ScanSegmentsResponse scanned = Scan();
  EXPECT_EQ(scanned.records_size(), 2);
  ASSERT_EQ(scanned.damaged_size(), 1);
  EXPECT_EQ(scanned.damaged(0).offset(), locations_[1].offset_bytes);
  const v1::VerifyChunksResponse answer = Verify(before);
  ASSERT_EQ(answer.wrong_size(), 1);
  EXPECT_EQ(answer.wrong(0).record().id(), before.records(1).id());
}

TEST_F(StoreServiceTest, ARecordThatIsNotWhereItIsSaidToBeIsWrong) {
  v1::ScanSegmentsResponse scanned = Scan();
  scanned.mutable_records(0)->set_offset(locations_[1].offset_bytes);  // another chunk's
  scanned.mutable_records(1)->set_segment(999);
  scanned.mutable_records(2)->set_stored(1u << 31);
  EXPECT_EQ(Verify(scanned).wrong_size(), 3);
}

}  // namespace
}  // namespace dray::transfer
