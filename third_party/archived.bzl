"""Libraries that Debian ships both as shared objects and as archives."""

def archived_library(name, linkopts, deps = []):
    """A cc_library of Debian's: the shared one or, with --config=static, from the archives.

    Args:
      name: the library's name.
      linkopts: how to link the shared library.
      deps: what the shared library needs besides; the archives name that themselves.
    """
    native.cc_library(
        name = name,
        linkopts = select({
            ":static": [],
            "//conditions:default": linkopts,
        }),
        deps = select({
            ":static": [":archives"],
            "//conditions:default": deps,
        }),
    )
