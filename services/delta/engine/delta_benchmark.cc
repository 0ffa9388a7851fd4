// The service over a loopback connection, on a catalog in $TEST_TMPDIR (or /tmp): run it where the
// catalog would lie.
#include <benchmark/benchmark.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "dray/delta/v1/delta.grpc.pb.h"
#include "services/delta/engine/server.h"
#include "services/delta/testing/fixtures.h"

namespace dray::delta {
namespace {

constexpr uint64_t kBatchItems = 256;

class Bench {
 public:
  Bench() {
    server_ = *DeltaServer::Start({.listen = "127.0.0.1:0", .now = absl::GetCurrentTimeNanos},
                                  catalog_.get(), &metrics_);
    stub_ = v1::Delta::NewStub(grpc::CreateChannel(absl::StrCat("127.0.0.1:", server_->port()),
                                                   grpc::InsecureChannelCredentials()));
  }
  ~Bench() { server_->Stop(absl::Seconds(1)); }

  v1::Delta::Stub& stub() { return *stub_; }
  Catalog& catalog() { return *catalog_; }

 private:
  prometheus::Registry registry_;
  DeltaMetrics metrics_{registry_};
  std::unique_ptr<Catalog> catalog_ = OpenTestCatalog(NewTestFolder() + "/catalog.db");
  std::unique_ptr<DeltaServer> server_;
  std::unique_ptr<v1::Delta::Stub> stub_;
};

v1::CommitBatchRequest MakeBatch(uint64_t number) {
  v1::CommitBatchRequest request;
  for (uint64_t i = 0; i < kBatchItems; ++i) {
    const TestFile file = MakeTestFile(number * kBatchItems + i, 1);
    auto* item = request.add_items();
    item->set_path(absl::StrCat("some/folder ", number / 4, "/file ", number, " ", i));
    item->set_operation_id(absl::StrCat("operation id ", 1'000'000 + number * kBatchItems + i));
    item->mutable_metadata()->set_kind(wire::v1::FILE);
    item->mutable_metadata()->set_size(file.size);
    item->add_nodes(file.nodes[0].encoding);
    auto* chunk = request.add_chunks();
    chunk->set_id(std::string(file.chunks[0].id.view()));
    chunk->set_length(file.chunks[0].length_bytes);
    chunk->set_segment(1);
    chunk->set_offset(number * kBatchItems + i);
    chunk->set_stored(file.chunks[0].stored_bytes);
  }
  return request;
}

void Run(benchmark::State& state, v1::Delta::Stub& stub, const v1::CommitBatchRequest& request) {
  grpc::ClientContext context;
  v1::CommitBatchResponse response;
  if (!stub.CommitBatch(&context, request, &response).ok() || response.answers(0).version() == 0) {
    state.SkipWithError("a batch failed");
  }
}

// 100 batches of new files, from two connections' worth of callers.
void BM_BatchNew(benchmark::State& state) {
  std::vector<v1::CommitBatchRequest> batches;
  for (uint64_t i = 0; i < 100; ++i) batches.push_back(MakeBatch(i));
  for (auto _ : state) {
    state.PauseTiming();
    auto bench = std::make_unique<Bench>();
    state.ResumeTiming();
    std::atomic<size_t> next{0};
    const auto work = [&] {
      for (size_t i = next++; i < batches.size(); i = next++) Run(state, bench->stub(), batches[i]);
    };
    std::thread other(work);
    work();
    other.join();
    state.PauseTiming();
    bench.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * 100 * kBatchItems);
}
BENCHMARK(BM_BatchNew)->UseRealTime()->Unit(benchmark::kMillisecond);

void BM_BatchUnchanged(benchmark::State& state) {
  Bench bench;
  std::vector<v1::CommitBatchRequest> batches;
  for (uint64_t i = 0; i < 80; ++i) {
    batches.push_back(MakeBatch(i));
    Run(state, bench.stub(), batches.back());
    batches.back().clear_chunks();
    for (auto& item : *batches.back().mutable_items()) item.clear_operation_id();
  }
  size_t next = 0;
  for (auto _ : state) Run(state, bench.stub(), batches[next++ % batches.size()]);
  state.SetItemsProcessed(state.iterations() * kBatchItems);
}
BENCHMARK(BM_BatchUnchanged)->UseRealTime()->Unit(benchmark::kMillisecond);

// Single commits of folders, by so many callers at once.
void BM_Commits(benchmark::State& state) {
  Bench bench;
  std::atomic<uint64_t> number{0};
  const auto commit = [&] {
    v1::CommitRequest request;
    request.set_path(absl::StrCat("folder ", number++));
    request.mutable_metadata()->set_kind(wire::v1::FOLDER);
    grpc::ClientContext context;
    v1::CommitResponse response;
    if (!bench.stub().Commit(&context, request, &response).ok()) state.SkipWithError("failed");
  };
  const int callers = static_cast<int>(state.range(0));
  for (auto _ : state) {
    std::vector<std::thread> threads;
    for (int t = 0; t < callers; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 100; ++i) commit();
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  state.SetItemsProcessed(state.iterations() * callers * 100);
}
BENCHMARK(BM_Commits)->Arg(1)->Arg(16)->UseRealTime()->Unit(benchmark::kMillisecond);

// Look-ups of offered nodes, all of them known, 1000 to an offer.
void BM_CompareOffers(benchmark::State& state) {
  Bench bench;
  v1::CompareRequest request;
  const absl::Status added =
      WriteAndWait(bench.catalog(), [&](CatalogTransaction& transaction) -> absl::Status {
        for (uint64_t i = 0; i < 100'000; ++i) {
          const TestFile file = MakeTestFile(i, 1);
          DRAY_RETURN_IF_ERROR(AddTestFile(transaction, file));
          if (i % 100 == 0) request.mutable_offer()->mutable_node_ids()->append(file.root.view());
        }
        return absl::OkStatus();
      });
  if (!added.ok()) state.SkipWithError("cannot fill the catalog");
  grpc::ClientContext context;
  auto stream = bench.stub().Compare(&context);
  v1::CompareResponse response;
  stream->Read(&response);
  for (auto _ : state) {
    stream->Write(request);
    if (!stream->Read(&response) || response.known().unknown_size() != 0) {
      state.SkipWithError("an offer failed");
    }
  }
  context.TryCancel();
  state.SetItemsProcessed(state.iterations() * 1000);
}
BENCHMARK(BM_CompareOffers)->UseRealTime()->Unit(benchmark::kMillisecond);

// A catalog that grows from one benchmark to the next, in files of 1000 chunks each.
class GrowingBench {
 public:
  // Its catalog with `chunks` chunks. Sizes must not fall.
  static GrowingBench& Of(benchmark::State& state, uint64_t chunks) {
    static auto* const growing = new GrowingBench();
    while (growing->files_ * kFileChunks < chunks) {
      if (!growing->Grow(std::min<uint64_t>(chunks / kFileChunks - growing->files_, 100))) {
        state.SkipWithError("cannot fill the catalog");
        break;
      }
    }
    return *growing;
  }

  v1::Delta::Stub& stub() { return bench_.stub(); }
  // 1000 nodes, of which every second is known, spread over the catalog.
  v1::CompareRequest NextOffer() {
    v1::CompareRequest request;
    std::string& ids = *request.mutable_offer()->mutable_node_ids();
    for (int i = 0; i < 500; ++i) {
      ids += nodes_[(offered_ * 7919) % nodes_.size()];
      ids += TestChunkId((uint64_t{1} << 40) + offered_++).view();
    }
    return request;
  }
  // One more batch of files that are not there.
  v1::CommitBatchRequest NextBatch() { return MakeBatch(kFirstBatch + batches_++); }

 private:
  static constexpr uint64_t kFileChunks = 1000;
  // Their chunks lie beyond those of all files.
  static constexpr uint64_t kFirstBatch = 1 << 20;

  bool Grow(uint64_t files) {
    const absl::Status added =
        WriteAndWait(bench_.catalog(), [&](CatalogTransaction& transaction) -> absl::Status {
          for (uint64_t i = 0; i < files; ++i) {
            const TestFile file = MakeTestFile(files_++ * kFileChunks, kFileChunks);
            DRAY_RETURN_IF_ERROR(AddTestFile(transaction, file));
            for (const auto& node : file.nodes) nodes_.emplace_back(node.id.view());
          }
          return absl::OkStatus();
        });
    return added.ok();
  }

  Bench bench_;
  std::vector<std::string> nodes_;
  uint64_t files_ = 0;
  uint64_t offered_ = 0;
  uint64_t batches_ = 0;
};

void CatalogSizes(benchmark::internal::Benchmark* benchmark) {
  for (const int64_t chunks : {10'000, 100'000, 1'000'000, 10'000'000}) benchmark->Arg(chunks);
  benchmark->UseRealTime()->Unit(benchmark::kMillisecond);
}

// One offer of 1000 nodes, then one batch of 256 new files, as the catalog grows.
void BM_CompareAndCommitInCatalogOf(benchmark::State& state) {
  GrowingBench& growing = GrowingBench::Of(state, static_cast<uint64_t>(state.range(0)));
  absl::Duration comparing;
  absl::Duration committing;
  int64_t rounds = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const v1::CompareRequest request = growing.NextOffer();
    const v1::CommitBatchRequest batch = growing.NextBatch();
    state.ResumeTiming();
    grpc::ClientContext context;
    const auto stream = growing.stub().Compare(&context);
    v1::CompareResponse response;
    stream->Read(&response);
    const absl::Time start = absl::Now();
    stream->Write(request);
    if (!stream->Read(&response)) state.SkipWithError("an offer failed");
    const absl::Time compared = absl::Now();
    context.TryCancel();
    Run(state, growing.stub(), batch);
    comparing += compared - start;
    committing += absl::Now() - compared;
    ++rounds;
  }
  const auto mean = [&rounds](absl::Duration total) {
    return absl::ToDoubleMilliseconds(total) / static_cast<double>(std::max<int64_t>(rounds, 1));
  };
  state.counters["compare_ms"] = mean(comparing);
  state.counters["commit_256_files_ms"] = mean(committing);
  struct rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    state.counters["peak_MiB"] = static_cast<double>(usage.ru_maxrss) / 1024;
  }
}
BENCHMARK(BM_CompareAndCommitInCatalogOf)->Apply(CatalogSizes);

// Where the chunks of a file of 32,768 chunks (2 GiB) lie.
void BM_Resolve(benchmark::State& state) {
  Bench bench;
  const TestFile file = MakeTestFile(0, 32'768);
  const absl::Status added = WriteAndWait(bench.catalog(), [&](CatalogTransaction& transaction) {
    return AddTestFile(transaction, file);
  });
  v1::CommitRequest commit;
  commit.set_path("file");
  commit.mutable_metadata()->set_kind(wire::v1::FILE);
  commit.mutable_metadata()->set_size(file.size);
  commit.set_root(std::string(file.root.view()));
  v1::CommitResponse committed;
  {
    grpc::ClientContext context;
    if (!added.ok() || !bench.stub().Commit(&context, commit, &committed).ok()) {
      state.SkipWithError("cannot fill the catalog");
    }
  }
  v1::ResolveRequest request;
  request.add_items()->set_path("file");
  for (auto _ : state) {
    grpc::ClientContext context;
    auto stream = bench.stub().Resolve(&context, request);
    for (v1::ResolveResponse response; stream->Read(&response);) {
    }
    if (!stream->Finish().ok()) state.SkipWithError("failed");
  }
  state.SetItemsProcessed(state.iterations() * 32'768);
}
BENCHMARK(BM_Resolve)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace dray::delta

BENCHMARK_MAIN();
