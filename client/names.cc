#include "client/names.h"

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "client/call.h"
#include "core/framing/data_frame.h"

namespace dray {
namespace {

// Takes the versions out of a brief list's answer.
absl::Status Unpack(wire::v1::Versions* answer) {
  if (answer->raw_bytes() == 0) return absl::OkStatus();
  if (answer->raw_bytes() > kMaxRawChunkBytes) {
    return absl::InternalError("the server broke the protocol: a packed list that is too long");
  }
  std::vector<uint8_t> room(answer->raw_bytes());
  const DataFrame frame = {
      .raw_bytes = answer->raw_bytes(), .zstd = true, .body = AsBytes(answer->packed())};
  DRAY_ASSIGN_OR_RETURN(const Bytes raw, RawChunk(frame, absl::MakeSpan(room)));
  wire::v1::Versions unpacked;
  if (!unpacked.ParseFromArray(raw.data(), static_cast<int>(raw.size()))) {
    return absl::InternalError("the server broke the protocol: a packed list that is none");
  }
  answer->mutable_versions()->Swap(unpacked.mutable_versions());
  return absl::OkStatus();
}

// Answers of type Versions, until the one that says that it is the last.
absl::Status ReceiveVersions(Channel* channel, FrameType type,
                             const google::protobuf::MessageLite& question,
                             wire::v1::Feature feature, const OnVersion& on_version) {
  DRAY_ASSIGN_OR_RETURN(const auto connection, channel->Connect());
  DRAY_RETURN_IF_ERROR(connection->Require(feature));
  DRAY_ASSIGN_OR_RETURN(const auto call,
                        Call::Start(connection, type, question, FrameType::kVersions));
  while (true) {
    wire::v1::Versions answer;
    DRAY_RETURN_IF_ERROR(call->Receive(&answer));
    DRAY_RETURN_IF_ERROR(Unpack(&answer));
    for (const wire::v1::Version& version : answer.versions()) {
      DRAY_RETURN_IF_ERROR(on_version(version));
    }
    if (answer.last()) return absl::OkStatus();
  }
}

// Of the paths in one GetRoots: its frame stays below its limit.
constexpr size_t kMaxQuestionBytes = 512 << 10;
// Of those, under way at once.
constexpr size_t kMaxQuestions = 8;

absl::Status TakeRoots(const wire::v1::Roots& answer, int count,
                       std::vector<std::optional<Root>>* roots) {
  if (answer.roots().size() != static_cast<size_t>(count) * kDigestBytes) {
    return absl::InternalError("the server broke the protocol: not one root for each version");
  }
  for (size_t at = 0; at < answer.roots().size(); at += kDigestBytes) {
    const auto root = Root::FromBytes(std::string_view(answer.roots()).substr(at, kDigestBytes));
    roots->push_back(*root == Root() ? std::nullopt : root);
  }
  return absl::OkStatus();
}

// As many versions as one question may name.
wire::v1::GetRoots QuestionAbout(absl::Span<const wire::v1::VersionRef> versions) {
  wire::v1::GetRoots question;
  size_t path_bytes = 0;
  for (const wire::v1::VersionRef& version : versions.subspan(0, kMaxBatchItems)) {
    path_bytes += version.path().size();
    if (path_bytes > kMaxQuestionBytes) break;  // one alone is far shorter
    *question.add_versions() = version;
  }
  return question;
}

// Asks for the roots that are not in `roots` yet, without waiting for one answer before the next
// question.
absl::Status AskForRest(Channel* channel, absl::Span<const wire::v1::VersionRef> versions,
                        std::vector<std::optional<Root>>* roots) {
  struct Asked {
    int count = 0;
    std::unique_ptr<Call> call;
  };
  DRAY_ASSIGN_OR_RETURN(const auto connection, channel->Connect());
  DRAY_RETURN_IF_ERROR(connection->Require(wire::v1::ROOTS));
  const size_t most = std::min<size_t>(kMaxQuestions, connection->limits().requests());
  std::deque<Asked> in_flight;
  size_t next = roots->size();
  while (next < versions.size() || !in_flight.empty()) {
    if (next < versions.size() && in_flight.size() < most) {
      const wire::v1::GetRoots question = QuestionAbout(versions.subspan(next));
      DRAY_ASSIGN_OR_RETURN(
          auto call, Call::Start(connection, FrameType::kGetRoots, question, FrameType::kRoots));
      in_flight.push_back({question.versions_size(), std::move(call)});
      next += static_cast<size_t>(question.versions_size());
      continue;
    }
    wire::v1::Roots answer;
    DRAY_RETURN_IF_ERROR(in_flight.front().call->Receive(&answer));
    DRAY_RETURN_IF_ERROR(TakeRoots(answer, in_flight.front().count, roots));
    in_flight.pop_front();
  }
  return absl::OkStatus();
}

// More rules than any server keeps.
constexpr size_t kMaxRules = 10'000;

absl::Status ReceiveRules(Channel* channel, std::vector<wire::v1::Retention>* rules) {
  DRAY_ASSIGN_OR_RETURN(const auto connection, channel->Connect());
  DRAY_RETURN_IF_ERROR(connection->Require(wire::v1::RETENTION));
  DRAY_ASSIGN_OR_RETURN(const auto call,
                        Call::Start(connection, FrameType::kListRetentions,
                                    wire::v1::ListRetentions(), FrameType::kRetentions));
  while (true) {
    wire::v1::Retentions answer;
    DRAY_RETURN_IF_ERROR(call->Receive(&answer));
    rules->insert(rules->end(), answer.retentions().begin(), answer.retentions().end());
    if (rules->size() > kMaxRules) {
      return absl::InternalError("the server broke the protocol: rules of retention without end");
    }
    if (answer.last()) return absl::OkStatus();
    if (answer.retentions().empty()) {
      return absl::InternalError("the server broke the protocol: an empty list that goes on");
    }
  }
}

}  // namespace

absl::Status Ask(const Operation& operation, Channel* channel, FrameType type,
                 const google::protobuf::MessageLite& question, FrameType answer_type,
                 google::protobuf::MessageLite* answer, wire::v1::Feature feature) {
  return operation.MakeRetrier().Run([&]() -> absl::Status {
    DRAY_ASSIGN_OR_RETURN(const auto connection, channel->Connect());
    DRAY_RETURN_IF_ERROR(connection->Require(feature));
    DRAY_ASSIGN_OR_RETURN(const auto call, Call::Start(connection, type, question, answer_type));
    return call->Receive(answer);
  });
}

absl::Status ListVersions(const Operation& operation, Channel* channel, const wire::v1::List& list,
                          const OnVersion& on_version) {
  Retrier retrier = operation.MakeRetrier();
  std::optional<std::string> last;
  absl::Status refused;  // by on_version: never tried again
  while (true) {
    const auto tell = [&](const wire::v1::Version& version) -> absl::Status {
      if (last && !ListedBefore(*last, version.path())) return absl::OkStatus();
      refused = on_version(version);
      DRAY_RETURN_IF_ERROR(refused);
      last = version.path();
      retrier.Reset();
      return absl::OkStatus();
    };
    const absl::Status status =
        ReceiveVersions(channel, FrameType::kList, list, FeatureFor(list.at_ns()), tell);
    if (status.ok() || !refused.ok()) return status;
    DRAY_RETURN_IF_ERROR(retrier.AfterFailure(status));
  }
}

absl::Status ListHistory(const Operation& operation, Channel* channel, const std::string& path,
                         const OnVersion& on_version) {
  wire::v1::History question;
  question.set_path(path);
  std::optional<uint64_t> last;
  absl::Status refused;
  Retrier retrier = operation.MakeRetrier();
  while (true) {
    uint64_t skip = last.has_value() ? *last : 0;
    bool skipping = last.has_value();
    const auto tell = [&](const wire::v1::Version& version) -> absl::Status {
      if (skipping) {
        skipping = version.number() != skip;
        return absl::OkStatus();
      }
      refused = on_version(version);
      last = version.number();
      return refused;
    };
    const absl::Status status =
        ReceiveVersions(channel, FrameType::kHistory, question, wire::v1::NO_FEATURE, tell);
    if (status.ok() || !refused.ok()) return status;
    DRAY_RETURN_IF_ERROR(retrier.AfterFailure(status));
  }
}

absl::StatusOr<std::vector<std::optional<Root>>> AskRoots(
    const Operation& operation, Channel* channel, absl::Span<const wire::v1::VersionRef> versions) {
  std::vector<std::optional<Root>> roots;
  DRAY_RETURN_IF_ERROR(operation.MakeRetrier().Run([&] {
    const absl::Status asked = AskForRest(channel, versions, &roots);
    if (!asked.ok()) channel->Drop();  // what still comes on it belongs to nobody
    return asked;
  }));
  return roots;
}

absl::StatusOr<std::vector<wire::v1::Retention>> ListRetentionRules(const Operation& operation,
                                                                    Channel* channel) {
  std::vector<wire::v1::Retention> rules;
  DRAY_RETURN_IF_ERROR(operation.MakeRetrier().Run([&] {
    rules.clear();
    return ReceiveRules(channel, &rules);
  }));
  return rules;
}

bool ListedBefore(const std::string& a, const std::string& b) {
  // '/' ends a name, so it comes before every byte of one.
  const auto rank = [](char c) { return c == '/' ? 0 : static_cast<uint8_t>(c) + 1; };
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(),
                                      [&](char x, char y) { return rank(x) < rank(y); });
}

}  // namespace dray
