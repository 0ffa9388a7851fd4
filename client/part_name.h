#ifndef DRAY_CLIENT_PART_NAME_H_
#define DRAY_CLIENT_PART_NAME_H_

#include <string>
#include <string_view>

namespace dray {

// What a get calls the file `name` until it is whole: ".NAME.dray-part", never longer than a name
// may be. The two names lie in the same folder.
std::string PartName(std::string_view name);

// Whether the last name of `path` is one that PartName returns. Such a file is nobody's to put or
// to get: a get of the file beside it would take it for its own.
bool IsPartName(std::string_view path);

}  // namespace dray

#endif  // DRAY_CLIENT_PART_NAME_H_
