"""embed.py FILE...: C++ source, on standard output, that has the files' contents and finds them by name (assets.h)."""

import hashlib
import os
import sys

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}
LINE_BYTES = 96


def literal(content):
    """The bytes as string literals, one a line. Octal escapes end after three digits, so nothing runs together."""
    plain = set(range(32, 127)) - {ord('"'), ord("\\"), ord("?")}
    lines = []
    for begin in range(0, len(content), LINE_BYTES):
        piece = content[begin:begin + LINE_BYTES]
        lines.append('"' + "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in piece) + '"')
    return "\n".join(lines) or '""'


def main():
    print('#include "services/monitor/web/assets.h"\n\nnamespace dray::monitor::web {\nnamespace {\n')
    print("constexpr Asset kAssets[] = {")
    for name in sys.argv[1:]:
        with open(name, "rb") as file:
            content = file.read()
        base = os.path.basename(name)
        path = "/" if base == "index.html" else "/" + base
        tag = hashlib.sha256(content).hexdigest()[:16]
        print(f'{{"{path}", "{TYPES[os.path.splitext(base)[1]]}", "{tag}",\nstd::string_view({literal(content)}, {len(content)})}},')
    print("};\n\n}  // namespace\n")
    print("const Asset* FindAsset(std::string_view path) {\n  for (const Asset& asset : kAssets) {\n"
          "    if (path == asset.path) return &asset;\n  }\n  return nullptr;\n}\n\n}  // namespace dray::monitor::web")


if __name__ == "__main__":
    main()
