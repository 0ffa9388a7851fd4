#include "services/transfer/engine/md5_keeper.h"

#include <openssl/evp.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "core/base/path.h"
#include "core/net/spawn.h"
#include "core/telemetry/logging.h"
#include "services/transfer/engine/activity.h"
#include "services/transfer/engine/delta_client.h"
#include "services/transfer/engine/file_reader.h"

namespace dray::transfer {
namespace {

namespace asio = boost::asio;
using asio::awaitable;
using Clock = std::chrono::steady_clock;

constexpr auto kAwaitable = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::seconds kLookAgain{60};
constexpr std::chrono::seconds kAfterFailure{5};
constexpr uint32_t kListedAtOnce = 256;
constexpr int kNice = 10;
constexpr size_t kMd5Bytes = 16;
// Reading, checking and hashing; only for telling how long it may take.
constexpr uint64_t kBytesPerSecond = 300'000'000;
constexpr size_t kMaxUnreadable = 10'000;

// OpenSSL's MD5, piece by piece.
class Md5 {
 public:
  Md5() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_, EVP_md5(), nullptr); }
  ~Md5() { EVP_MD_CTX_free(context_); }
  Md5(const Md5&) = delete;
  Md5& operator=(const Md5&) = delete;

  void Add(Bytes bytes) { EVP_DigestUpdate(context_, bytes.data(), bytes.size()); }
  std::string Finish() {
    std::string md5(kMd5Bytes, '\0');
    EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(md5.data()), nullptr);
    return md5;
  }

 private:
  EVP_MD_CTX* const context_;
};

void AddMd5(const std::string& root, const std::string& md5, delta::v1::SetMd5sRequest* request) {
  auto* const item = request->add_items();
  item->set_root(root);
  item->set_md5(md5);
}

}  // namespace

// Guarded by mu_.
struct Md5Keeper::Waiter {
  Resume resume;  // empty: it goes on already
};

struct Md5Keeper::Job {
  std::string root;
  std::string path;
  uint64_t number = 0;
  uint64_t size = 0;
  std::atomic<uint64_t> done_bytes{0};
  // Guarded by mu_.
  bool urgent = false;
  bool ended = false;
  absl::StatusOr<std::string> md5 = absl::UnknownError("not computed");
  std::vector<std::shared_ptr<Waiter>> waiters;
};

Md5Keeper::Md5Keeper(const Engine& engine, asio::any_io_executor executor)
    : engine_(engine),
      background_(1, "md5", kNice),
      background_engine_{engine.store,    &background_, engine.delta,
                         engine.activity, nullptr,      engine.operations},
      executor_(std::move(executor)),
      wait_(executor_) {}

Md5Keeper::~Md5Keeper() { Stop(); }

void Md5Keeper::Start() { Spawn(executor_, Watch()); }

void Md5Keeper::Wake() {
  asio::post(executor_, [this] {
    last_commit_ = Clock::now();
    if (std::exchange(awake_, true)) return;
    wait_.cancel();
  });
}

awaitable<void> Md5Keeper::Watch() {
  while (true) {
    if (!awake_) {
      wait_.expires_after(kLookAgain);
      co_await wait_.async_wait(kAwaitable);
    }
    const Clock::time_point latest = Clock::now() + kLongestWait;
    co_await AwaitQuiet(latest);
    awake_ = false;
    const absl::Status status = co_await Sweep(latest);
    if (status.ok()) continue;
    spdlog::debug("MD5s cannot be kept now: {}", status.ToString());
    asio::steady_timer pause(executor_, kAfterFailure);
    co_await pause.async_wait(kAwaitable);
    awake_ = true;
  }
}

// Until nothing is under way and no commit has come for kAfterCommit, or until `latest`.
awaitable<void> Md5Keeper::AwaitQuiet(Clock::time_point latest) {
  while (true) {
    const Clock::time_point now = Clock::now();
    const bool busy = engine_.activity->transfer_count() > 0;
    const Clock::time_point quiet = std::min((busy ? now : last_commit_) + kAfterCommit, latest);
    if (quiet <= now) co_return;
    wait_.expires_at(quiet);
    co_await wait_.async_wait(kAwaitable);
  }
}

// Through all contents without an MD5, in order of their roots; gives way to commits until
// `latest`.
awaitable<absl::Status> Md5Keeper::Sweep(Clock::time_point latest) {
  std::string after;
  while (true) {
    co_await AwaitQuiet(latest);
    delta::v1::FilesWithoutMd5Request request;
    request.set_after_root(after);
    request.set_limit(kListedAtOnce);
    const auto listed = co_await engine_.delta->FilesWithoutMd5(std::move(request));
    if (!listed.ok()) co_return listed.status();
    delta::v1::SetMd5sRequest md5s;
    std::vector<std::shared_ptr<Job>> jobs;
    for (const wire::v1::Version& version : listed->versions()) {
      bool is_new = false;
      const auto job = FindOrAdd(version, &is_new);
      if (job == nullptr || !is_new) continue;  // unreadable, or under way
      absl::StatusOr<std::string> md5 = co_await Compute(&background_engine_, job);
      if (md5.ok()) AddMd5(job->root, *md5, &md5s);
      End(job, std::move(md5));
    }
    if (md5s.items_size() > 0) {
      const absl::Status told = co_await Tell(std::move(md5s));
      if (!told.ok()) co_return told;
    }
    if (listed->versions_size() < static_cast<int>(kListedAtOnce)) co_return absl::OkStatus();
    after = listed->versions().rbegin()->root();
  }
}

awaitable<absl::StatusOr<std::string>> Md5Keeper::Compute(const Engine* engine,
                                                          std::shared_ptr<Job> job) {
  auto reader = co_await FileReader::Open(engine, job->path, job->number, 0);
  if (!reader.ok()) co_return reader.status();
  if ((*reader)->version().root() != job->root) {
    co_return absl::NotFoundError("it was moved meanwhile");
  }
  Md5 md5;
  while (true) {
    const absl::StatusOr<Slice> piece = co_await (*reader)->Next();
    if (!piece.ok()) co_return piece.status();
    if (piece->bytes.empty()) break;
    auto add = [&] { md5.Add(piece->bytes); };
    co_await engine->disk->Run(add);
    job->done_bytes.fetch_add(piece->bytes.size(), std::memory_order_relaxed);
  }
  co_return md5.Finish();
}

awaitable<absl::Status> Md5Keeper::Tell(delta::v1::SetMd5sRequest md5s) {
  const auto told = co_await engine_.delta->SetMd5s(std::move(md5s));
  co_return told.status();
}

std::shared_ptr<Md5Keeper::Job> Md5Keeper::FindOrAdd(const wire::v1::Version& version,
                                                     bool* is_new) {
  absl::MutexLock lock(&mu_);
  if (unreadable_.contains(version.root())) return nullptr;
  std::shared_ptr<Job>& job = jobs_[version.root()];
  *is_new = job == nullptr;
  if (*is_new) {
    job = std::make_shared<Job>();
    job->root = version.root();
    job->path = version.path();
    job->number = version.number();
    job->size = version.metadata().size();
  }
  return job;
}

void Md5Keeper::End(const std::shared_ptr<Job>& job, absl::StatusOr<std::string> md5) {
  std::vector<Resume> resumes;
  {
    absl::MutexLock lock(&mu_);
    job->ended = true;
    if (absl::IsDataLoss(md5.status())) {
      if (unreadable_.size() < kMaxUnreadable) unreadable_.insert(job->root);
      spdlog::error("no MD5 of {}: {}", EscapeName(job->path), md5.status().ToString());
    }
    job->md5 = std::move(md5);
    if (job->urgent && job->size > kSmallBytes) large_bytes_ -= job->size;
    for (const auto& waiter : job->waiters) {
      if (waiter->resume) resumes.push_back(std::exchange(waiter->resume, {}));
    }
    job->waiters.clear();
    jobs_.erase(job->root);
  }
  for (Resume& resume : resumes) resume();
}

void Md5Keeper::StartUrgent(std::shared_ptr<Job> job) {
  asio::post(executor_, [this, job = std::move(job)]() mutable {
    if (job->size <= kSmallBytes) return Spawn(executor_, RunUrgent(std::move(job)));
    large_.push_back(std::move(job));
    if (!std::exchange(running_large_, true)) Spawn(executor_, RunLargeJobs());
  });
}

awaitable<void> Md5Keeper::RunUrgent(std::shared_ptr<Job> job) {
  absl::StatusOr<std::string> md5 = co_await Compute(&engine_, job);
  delta::v1::SetMd5sRequest request;
  if (md5.ok()) AddMd5(job->root, *md5, &request);
  End(job, std::move(md5));
  if (request.items_size() == 0) co_return;
  const absl::Status told = co_await Tell(std::move(request));
  if (!told.ok()) spdlog::debug("an MD5 cannot be kept now: {}", told.ToString());
}

awaitable<void> Md5Keeper::RunLargeJobs() {
  while (!large_.empty()) {
    std::shared_ptr<Job> job = std::move(large_.front());
    large_.pop_front();
    co_await RunUrgent(std::move(job));
  }
  running_large_ = false;
}

absl::Status Md5Keeper::BeingPrepared(const Job& job) {
  uint64_t bytes = 0;
  {
    absl::MutexLock lock(&mu_);
    bytes = std::max(job.size, large_bytes_);
  }
  const uint64_t done = job.done_bytes.load(std::memory_order_relaxed);
  const uint64_t seconds = 1 + (bytes - std::min(bytes, done)) / kBytesPerSecond;
  return absl::UnavailableError(
      absl::StrCat(EscapeName(job.path), " is being prepared, try again in ", seconds, " s"));
}

awaitable<absl::StatusOr<std::string>> Md5Keeper::Await(const wire::v1::Version& version,
                                                        std::chrono::milliseconds patience) {
  if (version.md5().size() == kMd5Bytes) co_return version.md5();
  bool is_new = false;
  const std::shared_ptr<Job> job = FindOrAdd(version, &is_new);
  if (job == nullptr) {
    co_return absl::DataLossError(absl::StrCat(EscapeName(version.path()), " cannot be read"));
  }
  if (is_new) {
    {
      absl::MutexLock lock(&mu_);
      job->urgent = true;
      if (job->size > kSmallBytes) large_bytes_ += job->size;
    }
    StartUrgent(job);
  }
  const auto waiter = std::make_shared<Waiter>();
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor, patience);
  auto start = [&](Resume resume) {
    {
      absl::MutexLock lock(&mu_);
      if (!job->ended) {
        waiter->resume = std::move(resume);
        job->waiters.push_back(waiter);
      }
    }
    if (resume) return resume();
    timer.async_wait([this, waiter](const boost::system::error_code& error) {
      if (error) return;
      Resume timed_out;
      {
        absl::MutexLock lock(&mu_);
        timed_out = std::exchange(waiter->resume, {});
      }
      if (timed_out) timed_out();
    });
  };
  co_await Suspend(start);
  timer.cancel();
  {
    absl::MutexLock lock(&mu_);
    if (job->ended) co_return job->md5;
  }
  co_return BeingPrepared(*job);
}

}  // namespace dray::transfer
