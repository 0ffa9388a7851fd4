#include "services/monitor/site.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/base/clock.h"
#include "core/net/address.h"
#include "services/monitor/exposition.h"
#include "services/monitor/snapshot.h"
#include "services/monitor/web/assets.h"

namespace dray::monitor {
namespace {

// What a stream tells is as old as this, or, where there are so many instances that making it takes
// long, as old as ten times what that takes: streams take a tenth of one core at most.
constexpr absl::Duration kPartAge = absl::Milliseconds(500);
constexpr int kAgeOverCost = 10;
// Of connections, transfers, instances and events each; /api/snapshot has all.
constexpr size_t kMaxStreamed = 200;

HttpResponse Text(int status, std::string text) {
  HttpResponse response;
  response.status = status;
  response.body = std::move(text);
  return response;
}

HttpResponse Content(const char* content_type, std::string body) {
  HttpResponse response;
  response.content_type = content_type;
  response.body = std::move(body);
  return response;
}

HttpResponse NotFound() {
  return Text(404,
              "not found: there are /, /metrics, /api/snapshot, /api/stream, /api/history and "
              "/healthz\n");
}

// Assets change with the program only, which their tag tells.
HttpResponse AssetOf(const web::Asset& asset, const HttpRequest& request) {
  const std::string tag = absl::StrCat("\"", asset.tag, "\"");
  HttpResponse response =
      Content(asset.content_type, request.if_none_match == tag ? "" : std::string(asset.content));
  if (request.if_none_match == tag) response.status = 304;
  response.headers.push_back({"Cache-Control", "no-cache"});
  response.headers.push_back({"ETag", tag});
  return response;
}

std::string Dump(const nlohmann::ordered_json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

HttpResponse MethodNotAllowed() {
  HttpResponse response = Text(405, "only GET and HEAD are allowed\n");
  response.headers.push_back({"Allow", "GET, HEAD"});
  return response;
}

void AddSecurityHeaders(HttpResponse* response) {
  response->headers.push_back(
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
       "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"});
  response->headers.push_back({"X-Content-Type-Options", "nosniff"});
  response->headers.push_back({"Referrer-Policy", "no-referrer"});
  response->headers.push_back({"Cross-Origin-Opener-Policy", "same-origin"});
  response->headers.push_back({"Cross-Origin-Resource-Policy", "same-origin"});
}

}  // namespace

bool IsLocalHost(std::string_view host) {
  if (host.empty()) return true;
  const auto address = ParseAddress(host, 80);
  return address.ok() && IsLoopback(address->host);
}

Site::Site(Options options, const InstanceRegistry& registry, const History& history)
    : options_(std::move(options)), registry_(registry), history_(history) {}

HttpResponse Site::Answer(const HttpRequest& request) {
  HttpResponse response;
  if (options_.local_names_only && !IsLocalHost(request.host)) {
    response = Text(421, "this server answers to localhost only\n");
  } else if (request.method != "GET") {
    response = MethodNotAllowed();
  } else if (const web::Asset* asset = web::FindAsset(request.path)) {
    response = AssetOf(*asset, request);
  } else {
    response = Route(request);
    response.headers.push_back({"Cache-Control", "no-store"});
  }
  AddSecurityHeaders(&response);
  return response;
}

HttpResponse Site::Route(const HttpRequest& request) {
  if (request.path == "/metrics") return Metrics();
  if (request.path == "/api/snapshot") return Snapshot();
  if (request.path == "/api/stream") return Stream();
  if (request.path == "/api/history") {
    return Content("application/json", Dump(HistoryJson(history_), -1) + "\n");
  }
  if (request.path == "/healthz") return Health();
  return NotFound();
}

HttpResponse Site::Health() const {
  return stopping_ ? Text(503, "stopping\n") : Text(200, "ok\n");
}

HttpResponse Site::Metrics() const {
  if (options_.refresh) options_.refresh();
  return Content("text/plain; version=0.0.4; charset=utf-8", Exposition(registry_.Instances()));
}

HttpResponse Site::Snapshot() const {
  if (options_.refresh) options_.refresh();
  const auto snapshot =
      MakeSnapshot(registry_.Instances(), registry_.Events(), absl::Now(), history_.Latest());
  return Content("application/json", Dump(snapshot, 2) + "\n");
}

HttpResponse Site::Stream() {
  HttpResponse response = Content("text/event-stream", "retry: 2000\n\n");
  std::shared_ptr<prometheus::Gauge> counted;
  if (options_.streams != nullptr) {
    options_.streams->Increment();
    counted.reset(options_.streams, [](prometheus::Gauge* gauge) { gauge->Decrement(); });
  }
  response.next_part = [this, counted = std::move(counted)] { return StreamPart(); };
  return response;
}

std::shared_ptr<const std::string> Site::StreamPart() {
  const absl::Time start = SteadyNow();
  if (part_ != nullptr && start < part_until_) return part_;
  if (options_.refresh) options_.refresh();
  const auto snapshot = MakeSnapshot(registry_.Instances(), registry_.Events(), absl::Now(),
                                     history_.Latest(), kMaxStreamed);
  part_ = std::make_shared<const std::string>(
      absl::StrCat("event: snapshot\ndata: ", Dump(snapshot, -1), "\n\n"));
  part_until_ = start + std::max(kPartAge, kAgeOverCost * (SteadyNow() - start));
  return part_;
}

}  // namespace dray::monitor
