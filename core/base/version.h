#ifndef DRAY_CORE_BASE_VERSION_H_
#define DRAY_CORE_BASE_VERSION_H_

namespace dray {

// The release that every program tells with --version and in its first frame.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace dray

#endif  // DRAY_CORE_BASE_VERSION_H_
