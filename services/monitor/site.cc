#include "services/monitor/site.h"

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "core/net/address.h"
#include "services/monitor/exposition.h"
#include "services/monitor/page.h"
#include "services/monitor/snapshot.h"

namespace dray::monitor {
namespace {

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
  return Text(404, "not found: there are /, /metrics, /api/snapshot and /healthz\n");
}

HttpResponse MethodNotAllowed() {
  HttpResponse response = Text(405, "only GET and HEAD are allowed\n");
  response.headers.push_back({"Allow", "GET, HEAD"});
  return response;
}

void AddSecurityHeaders(HttpResponse* response) {
  response->headers.push_back(
      {"Content-Security-Policy",
       "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
       "frame-ancestors 'none'"});
  response->headers.push_back({"X-Content-Type-Options", "nosniff"});
  response->headers.push_back({"Referrer-Policy", "no-referrer"});
  response->headers.push_back({"Cache-Control", "no-store"});
}

}  // namespace

bool IsLocalHost(std::string_view host) {
  if (host.empty()) return true;
  const auto address = ParseAddress(host, 80);
  return address.ok() && IsLoopback(address->host);
}

Site::Site(Options options, const InstanceRegistry& registry)
    : options_(std::move(options)), registry_(registry) {}

HttpResponse Site::Answer(const HttpRequest& request) const {
  HttpResponse response;
  if (options_.local_names_only && !IsLocalHost(request.host)) {
    response = Text(421, "this server answers to localhost only\n");
  } else if (request.method != "GET") {
    response = MethodNotAllowed();
  } else if (request.path == "/") {
    response = Page();
  } else if (request.path == "/style.css") {
    response = Content("text/css; charset=utf-8", kStyle);
  } else if (request.path == "/metrics") {
    response = Metrics();
  } else if (request.path == "/api/snapshot") {
    response = Snapshot();
  } else if (request.path == "/healthz") {
    response = Health();
  } else {
    response = NotFound();
  }
  AddSecurityHeaders(&response);
  return response;
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
  const auto snapshot = MakeSnapshot(registry_.Instances(), registry_.Events(), absl::Now());
  return Content("application/json",
                 snapshot.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

HttpResponse Site::Page() const {
  if (options_.refresh) options_.refresh();
  return Content("text/html; charset=utf-8",
                 MakePage(MakeSnapshot(registry_.Instances(), registry_.Events(), absl::Now())));
}

}  // namespace dray::monitor
