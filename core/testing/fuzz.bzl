"""Fuzz targets that run as ordinary tests."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def fuzz_test(name, deps = [], **kwargs):
    """A test of `name`.cc, which defines what core/testing/fuzz_runner.h declares.

    Args:
      name: the target and, with .cc, its source.
      deps: what the source needs.
      **kwargs: passed on to cc_test.
    """
    cc_test(
        name = name,
        size = "small",
        srcs = [name + ".cc"],
        deps = deps + ["//core/testing:fuzz_runner"],
        **kwargs
    )
