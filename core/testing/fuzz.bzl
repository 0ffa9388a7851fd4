"""Fuzz targets: ordinary tests, and fuzzers with --config=fuzz."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def fuzz_test(name, deps = [], tags = [], **kwargs):
    """A test of `name`.cc, which defines what core/testing/fuzz_target.h declares.

    Inputs that are worth keeping stand in fuzz_corpus/`name`/.

    Args:
      name: the target and, with .cc, its source. Ends in _fuzz.
      deps: what the source needs.
      tags: further tags; "fuzz" is added, by which scripts/fuzz finds it.
      **kwargs: passed on to cc_test.
    """
    cc_test(
        name = name,
        size = "small",
        srcs = [name + ".cc"],
        data = native.glob(["fuzz_corpus/" + name + "/*"]),
        tags = tags + ["fuzz"],
        deps = deps + ["//core/testing:fuzz_target"] + select({
            "//core/testing:libfuzzer": [],
            "//conditions:default": ["//core/testing:fuzz_runner"],
        }),
        **kwargs
    )
