#ifndef DRAY_SERVICES_MONITOR_WEB_ASSETS_H_
#define DRAY_SERVICES_MONITOR_WEB_ASSETS_H_

#include <string_view>

namespace dray::monitor::web {

// A file of the page, as the build found it.
struct Asset {
  const char* path;  // "/app.js"
  const char* content_type;
  const char* tag;  // changes with the content
  std::string_view content;
};

// Null if there is none.
const Asset* FindAsset(std::string_view path);

}  // namespace dray::monitor::web

#endif  // DRAY_SERVICES_MONITOR_WEB_ASSETS_H_
