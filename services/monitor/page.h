#ifndef DRAY_SERVICES_MONITOR_PAGE_H_
#define DRAY_SERVICES_MONITOR_PAGE_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace dray::monitor {

// The snapshot as a page of HTML that asks for itself again every two seconds. It has no script and
// needs nothing but kStyle, at /style.css. Everything from outside is escaped.
std::string MakePage(const nlohmann::ordered_json& snapshot);

// `text` fit for HTML, within quotes as well.
std::string EscapeHtml(std::string_view text);

// "17 B", "1.4 KiB", "3.2 GiB".
std::string FormatBytes(double bytes);

extern const char kStyle[];

}  // namespace dray::monitor

#endif  // DRAY_SERVICES_MONITOR_PAGE_H_
