#include "cli/listing.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "client/dray.h"
#include "core/base/path.h"

namespace dray {
namespace {

using Json = nlohmann::ordered_json;

char KindLetter(wire::v1::EntryKind kind) {
  switch (kind) {
    case wire::v1::FOLDER:
      return 'd';
    case wire::v1::SYMLINK:
      return 'l';
    case wire::v1::DELETED:
      return 'x';
    default:
      return '-';
  }
}

// Texts from the server may hold anything: what is not UTF-8 becomes a replacement character.
std::string Dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string CodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

Json VersionObject(const wire::v1::Version& version) {
  const wire::v1::Metadata& metadata = version.metadata();
  Json json;
  json["path"] = EscapeName(version.path());
  json["kind"] = KindText(metadata.kind());
  json["version"] = version.number();
  if (metadata.kind() == wire::v1::FILE) json["size"] = metadata.size();
  if (metadata.kind() != wire::v1::DELETED) {
    json["mode"] = absl::StrFormat("%04o", metadata.mode());
    json["mtime"] = FullTime(metadata.mtime_ns());
    json["mtime_ns"] = metadata.mtime_ns();
  }
  if (metadata.kind() == wire::v1::SYMLINK) {
    json["target"] = EscapeName(metadata.symlink_target());
  }
  if (!version.root().empty()) json["root"] = absl::BytesToHexString(version.root());
  if (!version.md5().empty()) json["md5"] = absl::BytesToHexString(version.md5());
  if (!version.author().empty()) json["author"] = EscapeName(version.author());
  json["committed"] = FullTime(version.committed_ns());
  return json;
}

double SavedPercent(const wire::v1::StatusReply& status) {
  if (status.file_bytes() == 0) return 0;
  return 100.0 * static_cast<double>(std::min(status.bytes_saved(), status.file_bytes())) /
         static_cast<double>(status.file_bytes());
}

// Nothing where the length or the rate is not known.
std::optional<double> SecondsLeft(const wire::v1::StatusReply::Transfer& transfer) {
  const uint64_t there = transfer.bytes_done() + transfer.bytes_saved();
  if (transfer.bytes_total() == 0 || !(transfer.bytes_per_second() > 0)) return std::nullopt;
  const uint64_t left = transfer.bytes_total() - std::min(transfer.bytes_total(), there);
  return static_cast<double>(left) / transfer.bytes_per_second();
}

// "upload   42% of 1.2 GB  512 MB/s  0:05 left  delta, 800 MB saved  /name  [c1f3a9c-2a]"
std::string TransferLine(const wire::v1::StatusReply::Transfer& transfer) {
  const uint64_t there = transfer.bytes_done() + transfer.bytes_saved();
  std::string text = absl::StrFormat("%-8s ", EscapeName(transfer.direction()));
  if (transfer.bytes_total() > 0) {
    const double percent = 100.0 * static_cast<double>(std::min(there, transfer.bytes_total())) /
                           static_cast<double>(transfer.bytes_total());
    absl::StrAppendFormat(&text, "%3.0f%% of %s", percent, SizeText(transfer.bytes_total()));
  } else {
    absl::StrAppend(&text, SizeText(there));
  }
  absl::StrAppend(&text, ", ", SizeText(static_cast<uint64_t>(transfer.bytes_per_second())), "/s");
  if (const auto left = SecondsLeft(transfer)) {
    const uint64_t seconds = static_cast<uint64_t>(std::min(*left, 359999.0) + 0.5);
    absl::StrAppendFormat(&text, ", %d:%02d left", seconds / 60, seconds % 60);
  }
  if (transfer.bytes_saved() > 0) {
    absl::StrAppend(&text, ", delta, saved ", SizeText(transfer.bytes_saved()));
  } else {
    absl::StrAppend(&text, ", full");
  }
  absl::StrAppend(&text, "  ", EscapeName(transfer.path()), "  [",
                  EscapeName(transfer.connection_id()), "]");
  return text;
}

Json TransferObject(const wire::v1::StatusReply::Transfer& transfer) {
  const auto left = SecondsLeft(transfer);
  return {{"path", EscapeName(transfer.path())},
          {"direction", EscapeName(transfer.direction())},
          {"mode", transfer.bytes_saved() > 0 ? "delta" : "full"},
          {"bytes_done", transfer.bytes_done()},
          {"bytes_total", transfer.bytes_total()},
          {"bytes_saved", transfer.bytes_saved()},
          {"bytes_per_second", std::round(transfer.bytes_per_second())},
          {"seconds_left", left.has_value() ? Json(std::round(*left * 10) / 10) : Json(nullptr)},
          {"since", FullTime(transfer.since_ns())},
          {"connection", EscapeName(transfer.connection_id())},
          {"peer", EscapeName(transfer.peer())},
          {"dialect", EscapeName(transfer.dialect())}};
}

void AddConnection(const absl::Status& status, Json* json) {
  const std::string id = ConnectionIdOf(status);
  if (!id.empty()) (*json)["connection"] = id;
}

}  // namespace

std::string ModeText(const wire::v1::Metadata& metadata) {
  constexpr char kLetters[] = "rwxrwxrwx";
  const uint32_t mode = metadata.mode();
  std::string text(1, KindLetter(metadata.kind()));
  for (int bit = 8; bit >= 0; --bit) text += (mode >> bit) & 1 ? kLetters[8 - bit] : '-';
  if (mode & 04000) text[3] = mode & 0100 ? 's' : 'S';
  if (mode & 02000) text[6] = mode & 0010 ? 's' : 'S';
  if (mode & 01000) text[9] = mode & 0001 ? 't' : 'T';
  return text;
}

std::string ShortTime(int64_t nanos) {
  return absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixNanos(nanos), absl::LocalTimeZone());
}

std::string FullTime(int64_t nanos) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", absl::FromUnixNanos(nanos), absl::UTCTimeZone());
}

std::string SizeText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  if (bytes < 1000) return absl::StrCat(bytes, " B");
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return absl::StrFormat("%.*f %s", value < 9.95 ? 1 : 0, value, kUnits[unit]);
}

std::string KindText(wire::v1::EntryKind kind) {
  switch (kind) {
    case wire::v1::FILE:
      return "file";
    case wire::v1::FOLDER:
      return "folder";
    case wire::v1::SYMLINK:
      return "symlink";
    case wire::v1::DELETED:
      return "deleted";
    default:
      return "unknown";
  }
}

std::string LongLine(const wire::v1::Version& version, const std::string& name) {
  const wire::v1::Metadata& metadata = version.metadata();
  std::string line =
      absl::StrFormat("%s %4d %13d %s %s", ModeText(metadata), version.number(), metadata.size(),
                      ShortTime(metadata.mtime_ns()), EscapeName(name));
  if (metadata.kind() == wire::v1::SYMLINK) {
    absl::StrAppend(&line, " -> ", EscapeName(metadata.symlink_target()));
  }
  return line;
}

std::string StatText(const wire::v1::Version& version) {
  const wire::v1::Metadata& metadata = version.metadata();
  std::string text =
      absl::StrFormat("   Name: %s\n   Kind: %s\nVersion: %d\n", EscapeName(version.path()),
                      KindText(metadata.kind()), version.number());
  if (metadata.kind() == wire::v1::FILE) {
    absl::StrAppendFormat(&text, "   Size: %d (%s)\n", metadata.size(), SizeText(metadata.size()));
  }
  if (metadata.kind() == wire::v1::SYMLINK) {
    absl::StrAppendFormat(&text, " Target: %s\n", EscapeName(metadata.symlink_target()));
  }
  if (metadata.kind() != wire::v1::DELETED) {
    absl::StrAppendFormat(&text, "   Mode: %04o (%s)\n  Mtime: %s\n", metadata.mode(),
                          ModeText(metadata), FullTime(metadata.mtime_ns()));
  }
  if (!version.root().empty()) {
    absl::StrAppend(&text, "   Root: ", absl::BytesToHexString(version.root()), "\n");
  }
  if (!version.author().empty()) {
    absl::StrAppend(&text, " Author: ", EscapeName(version.author()), "\n");
  }
  absl::StrAppend(&text, " Stored: ", FullTime(version.committed_ns()), "\n");
  return text;
}

std::string LogLine(const wire::v1::Version& version) {
  const wire::v1::Metadata& metadata = version.metadata();
  return absl::StrFormat("%4d %s %s %13d %s %s", version.number(),
                         ShortTime(version.committed_ns()), ModeText(metadata), metadata.size(),
                         KindText(metadata.kind()), EscapeName(version.author()));
}

std::string StatusText(const wire::v1::StatusReply& status) {
  std::string text = absl::StrFormat(
      "%s, up since %s\n%d connections, %d transfers; received %s, sent %s, saved %s",
      EscapeName(status.software()), ShortTime(status.started_ns()), status.connections(),
      status.transfers(), SizeText(status.bytes_received()), SizeText(status.bytes_sent()),
      SizeText(status.bytes_saved()));
  if (status.file_bytes() > 0) {
    absl::StrAppendFormat(&text, " (%.1f%% of %s)", SavedPercent(status),
                          SizeText(status.file_bytes()));
  }
  absl::StrAppendFormat(&text, "; %d errors\n", status.errors());
  for (const auto& part : status.parts()) {
    absl::StrAppendFormat(&text, "%-8s %s", EscapeName(part.name()),
                          part.healthy() ? "healthy" : "NOT HEALTHY");
    if (!part.detail().empty()) absl::StrAppend(&text, ": ", EscapeName(part.detail()));
    text += '\n';
  }
  for (const auto& transfer : status.active()) absl::StrAppend(&text, TransferLine(transfer), "\n");
  const uint64_t told = static_cast<uint64_t>(status.active_size());
  if (status.transfers() > told && told > 0) {
    absl::StrAppendFormat(&text, "and %d more\n", status.transfers() - told);
  }
  return text;
}

std::string VersionJson(const wire::v1::Version& version) { return Dump(VersionObject(version)); }

std::string ChangedJson(const char* operation, const wire::v1::Changed& changed) {
  Json json;
  json["operation"] = operation;
  json.update(VersionObject(changed.version()));
  json["entries"] = changed.entries();
  return Dump(json);
}

std::string StatusJson(const wire::v1::StatusReply& status) {
  Json json;
  json["software"] = EscapeName(status.software());
  json["started"] = FullTime(status.started_ns());
  json["connections"] = status.connections();
  json["transfers"] = status.transfers();
  json["bytes_received"] = status.bytes_received();
  json["bytes_sent"] = status.bytes_sent();
  json["bytes_saved"] = status.bytes_saved();
  json["file_bytes"] = status.file_bytes();
  json["saved_percent"] = std::round(SavedPercent(status) * 10) / 10;
  json["errors"] = status.errors();
  json["parts"] = Json::array();
  for (const auto& part : status.parts()) {
    json["parts"].push_back({{"name", EscapeName(part.name())},
                             {"healthy", part.healthy()},
                             {"detail", EscapeName(part.detail())}});
  }
  json["active"] = Json::array();
  for (const auto& transfer : status.active()) json["active"].push_back(TransferObject(transfer));
  return Dump(json);
}

std::string FileJson(const FileReport& report) {
  Json json;
  json["path"] = EscapeName(report.remote);
  json["local"] = EscapeName(report.local);
  json["kind"] = KindText(report.kind);
  json["status"] = report.outcome == FileReport::Outcome::kDone        ? "done"
                   : report.outcome == FileReport::Outcome::kUnchanged ? "unchanged"
                                                                       : "failed";
  if (report.kind == wire::v1::FILE) json["size"] = report.size_bytes;
  if (report.version != 0) json["version"] = report.version;
  if (report.outcome == FileReport::Outcome::kFailed) {
    json["code"] = CodeName(report.status.code());
    json["error"] = std::string(report.status.message());
    AddConnection(report.status, &json);
  }
  return Dump(json);
}

std::string ErrorJson(const absl::Status& status, const std::string& name) {
  Json json;
  if (!name.empty()) json["name"] = EscapeName(name);
  json["status"] = "failed";
  json["code"] = CodeName(status.code());
  json["error"] = std::string(status.message());
  AddConnection(status, &json);
  return Dump(json);
}

}  // namespace dray
