#include "client/put.h"

#include <sys/stat.h>

#include <utility>

#include "client/put_session.h"
#include "client/scanner.h"
#include "core/base/path.h"

namespace dray {
namespace {

void Scan(const Operation& operation, absl::Span<const PutJob> jobs, PutSession* session) {
  Tracker* const tracker = operation.tracker;
  Scanner scanner({
      .found =
          [&](LocalEntry entry) {
            if (entry.metadata.kind() == wire::v1::FILE) {
              tracker->AddTotal(1, entry.metadata.size());
            }
            return session->Add(std::move(entry));
          },
      .failed =
          [&](const std::string& local, const absl::Status& why) {
            tracker->Report(
                {.outcome = FileReport::Outcome::kFailed, .local = local, .status = why});
          },
      .skipped =
          [&](const std::string& local, const char* what) {
            tracker->Tell(Notice::Kind::kSkipped,
                          absl::StrCat("skipped ", EscapeName(local), ": it is ", what));
          },
  });
  for (const PutJob& job : jobs) {
    if (!scanner.Walk(job.local, job.remote)) break;
  }
  tracker->TotalsAreFinal();
}

bool IsSingleFile(absl::Span<const PutJob> jobs) {
  struct stat status;
  return jobs.size() == 1 && ::lstat(jobs[0].local.c_str(), &status) == 0 &&
         !S_ISDIR(status.st_mode);
}

}  // namespace

absl::Status PutAll(const Operation& operation, absl::Span<const PutJob> jobs,
                    const PutOptions& options) {
  PutSession session(operation, options, IsSingleFile(jobs));
  Scan(operation, jobs, &session);
  return session.Finish();
}

}  // namespace dray
