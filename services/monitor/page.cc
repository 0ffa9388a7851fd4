#include "services/monitor/page.h"

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace dray::monitor {
namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

constexpr size_t kMaxRows = 100;

// The members of the snapshot are there: MakeSnapshot made it.
std::string Text(const Json& object, const char* name) {
  const Json& value = object.at(name);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

double Number(const Json& object, const char* name) {
  const Json& value = object.at(name);
  return value.is_number() ? value.get<double>() : 0;
}

std::string FormatSeconds(const Json& seconds) {
  if (!seconds.is_number()) return "-";
  const double value = seconds.get<double>();
  return value < 1 ? absl::StrFormat("%.3g ms", value * 1000) : absl::StrFormat("%.3g s", value);
}

std::string FormatTime(const Json& object, const char* name) {
  std::string time = Text(object, name).substr(0, 19);
  if (time.size() > 10) time[10] = ' ';
  return time;
}

std::string Table(const char* title, const Row& head, const std::vector<Row>& rows, size_t total) {
  std::string html = absl::StrCat("<h2>", title, "</h2>\n");
  if (rows.empty()) return absl::StrCat(html, "<p>none</p>\n");
  absl::StrAppend(&html, "<table>\n<tr>");
  for (const std::string& cell : head) absl::StrAppend(&html, "<th>", EscapeHtml(cell), "</th>");
  absl::StrAppend(&html, "</tr>\n");
  for (const Row& row : rows) {
    absl::StrAppend(&html, "<tr>");
    for (const std::string& cell : row) absl::StrAppend(&html, "<td>", EscapeHtml(cell), "</td>");
    absl::StrAppend(&html, "</tr>\n");
  }
  absl::StrAppend(&html, "</table>\n");
  if (total > rows.size()) {
    absl::StrAppend(&html, "<p>", rows.size(), " of ", total, "; all are in ",
                    "<a href=\"/api/snapshot\">/api/snapshot</a></p>\n");
  }
  return html;
}

// A table of at most kMaxRows of the snapshot's list `name`.
template <typename MakeRow>
std::string ListTable(const Json& snapshot, const char* name, const char* title, const Row& head,
                      const MakeRow& make_row) {
  std::vector<Row> rows;
  const Json& list = snapshot.at(name);
  for (const Json& item : list) {
    if (rows.size() == kMaxRows) break;
    rows.push_back(make_row(item));
  }
  return Table(title, head, rows, list.size());
}

std::string Totals(const Json& snapshot) {
  const std::vector<Row> rows = {
      {"Connections", Text(snapshot, "connections_active")},
      {"Transfers in progress", Text(snapshot, "transfers_in_progress")},
      {"Received", FormatBytes(Number(snapshot, "bytes_received_total"))},
      {"Sent", FormatBytes(Number(snapshot, "bytes_sent_total"))},
      {"Saved", FormatBytes(Number(snapshot, "bytes_saved_total"))},
      {"Errors", Text(snapshot, "errors_total")},
  };
  return Table("Now and in all", {"What", "How much"}, rows, rows.size());
}

std::string Instances(const Json& snapshot) {
  return ListTable(
      snapshot, "instances", "Services",
      {"Service", "Instance", "Health", "Software", "Up since", "Last push"},
      [](const Json& item) -> Row {
        return {Text(item, "service"),       Text(item, "instance"),
                Text(item, "health"),        Text(item, "software"),
                FormatTime(item, "started"), FormatSeconds(item.at("seconds_since_push")) + " ago"};
      });
}

std::string Transfers(const Json& snapshot) {
  return ListTable(snapshot, "transfers", "Transfers",
                   {"File", "Direction", "Done", "Of", "Saved", "Since"},
                   [](const Json& item) -> Row {
                     return {Text(item, "path"),
                             Text(item, "direction"),
                             FormatBytes(Number(item, "bytes_done")),
                             FormatBytes(Number(item, "bytes_total")),
                             FormatBytes(Number(item, "bytes_saved")),
                             FormatTime(item, "since")};
                   });
}

std::string Errors(const Json& snapshot) {
  std::vector<Row> rows;
  for (const auto& [code, count] : snapshot.at("errors_by_code").items()) {
    rows.push_back({code, count.dump()});
  }
  return Table("Errors", {"Code", "Count"}, rows, rows.size());
}

std::string Durations(const Json& snapshot) {
  return ListTable(
      snapshot, "durations", "Durations", {"What", "Of", "Count", "Half within", "99 % within"},
      [](const Json& item) -> Row {
        std::string labels;
        for (const auto& [name, value] : item.at("labels").items()) {
          absl::StrAppend(&labels, labels.empty() ? "" : ", ", value.get<std::string>());
        }
        return {Text(item, "metric"), labels, Text(item, "count"),
                FormatSeconds(item.at("p50_seconds")), FormatSeconds(item.at("p99_seconds"))};
      });
}

std::string Events(const Json& snapshot) {
  return ListTable(snapshot, "events", "Events", {"Time", "Level", "Service", "Message"},
                   [](const Json& item) -> Row {
                     return {FormatTime(item, "time"), Text(item, "level"), Text(item, "service"),
                             Text(item, "message")};
                   });
}

}  // namespace

const char kStyle[] =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;"
    "color:#1b1f24;background:#fff}\n"
    "h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}\n"
    "table{border-collapse:collapse;width:100%}\n"
    "th,td{text-align:left;padding:.25rem .8rem .25rem 0;border-bottom:1px solid #d8dee4;"
    "vertical-align:top;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}\n"
    "th{color:#57606a;font-weight:600}p{margin:.3rem 0;color:#57606a}a{color:#0757b8}\n"
    "@media(prefers-color-scheme:dark){body{background:#15191e;color:#e6edf3}"
    "th,p{color:#9aa5b1}th,td{border-color:#333b44}a{color:#79b8ff}}\n";

std::string EscapeHtml(std::string_view text) {
  std::string html;
  html.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

std::string FormatBytes(double bytes) {
  constexpr std::array<const char*, 6> kUnits = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrFormat("%.0f B", bytes);
  size_t unit = 0;
  for (bytes /= 1024; bytes >= 1024 && unit + 1 < kUnits.size(); bytes /= 1024) ++unit;
  return absl::StrFormat("%.1f %s", bytes, kUnits[unit]);
}

std::string MakePage(const Json& snapshot) {
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<meta http-equiv=\"refresh\" content=\"2\">\n<title>Dray</title>\n"
      "<link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n<h1>Dray</h1>\n<p>",
      EscapeHtml(FormatTime(snapshot, "time")), " UTC, monitor ",
      EscapeHtml(Text(snapshot, "version")),
      ". As data: <a href=\"/api/snapshot\">snapshot</a>, <a href=\"/metrics\">metrics</a>.</p>\n",
      Totals(snapshot), Instances(snapshot), Transfers(snapshot), Errors(snapshot),
      Durations(snapshot), Events(snapshot), "</body>\n</html>\n");
}

}  // namespace dray::monitor
