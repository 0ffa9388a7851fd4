#!/usr/bin/env python3
"""Writes the test vectors of format 1, chunker 1 to standard output.

A second implementation of docs/format/tree.md, as plain as can be and sharing nothing with the C++ code, so that
vectors.txt is what the document says and not what the code happens to do. To renew it:

    core/chunking/testdata/make_vectors.py > core/chunking/testdata/vectors.txt
"""

import functools
import hashlib
import itertools
import struct

MINIMUM, AVERAGE, MAXIMUM = 16384, 65536, 262144
MASK_BEFORE_AVERAGE, MASK_FROM_AVERAGE = 0xFFFFC00000000000, 0xFFFC000000000000
MIN_ENTRIES, MAX_ENTRIES = 16, 256

HEADER = """\
# Test vectors of docs/format/tree.md, format 1, chunker 1. Made by make_vectors.py; held against the code by
# vectors_test.cc. Hashes are SHA-256 in hexadecimal; N is decimal.
#
# case NAME
# data KIND N           what the file is:
#   data zero N           N bytes of 0
#   data stream N         the first N bytes of: SHA-256("dray vector 0"), SHA-256("dray vector 1"), ...
#   data entries N        no bytes, but N chunks: the id of chunk i is SHA-256("dray entry i"), its length is
#                         1 + (the first four bytes of the id, big-endian, modulo 262144)
# chunk LENGTH ID xN    the next N chunks of the file (not listed for `data entries`)
# node LEVEL COUNT LENGTH ID   the next node of a level: its count of entries, the bytes of file it stands for
# nodes LEVEL N HASH    instead of `node` where a level has more than 64: how many, and the hash of their ids joined
# root ID
"""


def sha256(data):
    return hashlib.sha256(data).digest()


GEAR = [int.from_bytes(sha256(b"dray gear 1 %d" % i)[:8], "big") for i in range(256)]


@functools.lru_cache(maxsize=4)
def first_chunk_length(window):
    """The length of the chunk at the start of `window`, the next 262,144 bytes of the file or what is left of it."""
    gear_hash = 0
    for place in range(MINIMUM, len(window)):
        gear_hash = ((gear_hash << 1) + GEAR[window[place]]) % 2**64
        length = place + 1
        mask = MASK_BEFORE_AVERAGE if length < AVERAGE else MASK_FROM_AVERAGE
        if gear_hash & mask == 0:
            return length
    return len(window)


def chunks_of(data):
    """The (id, length) of each chunk of `data`."""
    start = 0
    while start < len(data):
        length = first_chunk_length(data[start : start + MAXIMUM])
        yield sha256(data[start : start + length]), length
        start += length


def encode_node(level, entries):
    encoding = b"drn\x01" + bytes([1, level]) + struct.pack(">H", len(entries))
    for entry_id, length in entries:
        encoding += entry_id + struct.pack(">I" if level == 0 else ">Q", length)
    return encoding


def split_level(entries):
    """The entries of each node of a level."""
    node = []
    for entry in entries:
        node.append(entry)
        ends = len(node) >= MIN_ENTRIES and entry[0][-1] & 63 == 0
        if ends or len(node) == MAX_ENTRIES:
            yield node
            node = []
    if node:
        yield node


def print_level(level, nodes, parents):
    if len(nodes) > 64:
        joined = b"".join(node_id for node_id, _ in parents)
        print("nodes", level, len(nodes), sha256(joined).hex())
        return
    for node, (node_id, length) in zip(nodes, parents):
        print("node", level, len(node), length, node_id.hex())


def print_tree(chunks):
    level, entries = 0, chunks
    while True:
        nodes = list(split_level(entries)) or [[]]
        parents = [
            (sha256(encode_node(level, node)), sum(length for _, length in node)) for node in nodes
        ]
        print_level(level, nodes, parents)
        if len(parents) == 1:
            print("root", parents[0][0].hex())
            return
        level, entries = level + 1, parents


def print_file(name, kind, data):
    print(f"\ncase {name}\ndata {kind} {len(data)}")
    chunks = list(chunks_of(data))
    for (chunk_id, length), run in itertools.groupby(chunks):
        print("chunk", length, chunk_id.hex(), f"x{len(list(run))}")
    print_tree(chunks)


def print_entries(name, count):
    print(f"\ncase {name}\ndata entries {count}")
    ids = [sha256(b"dray entry %d" % i) for i in range(count)]
    print_tree([(i, 1 + int.from_bytes(i[:4], "big") % MAXIMUM) for i in ids])


def stream(size):
    return b"".join(sha256(b"dray vector %d" % i) for i in range((size + 31) // 32))[:size]


def main():
    print(HEADER, end="")
    print_file("empty", "zero", b"")
    print_file("one_byte", "stream", stream(1))
    print_file("minimum", "stream", stream(16 << 10))
    print_file("minimum_and_one", "stream", stream((16 << 10) + 1))
    print_file("few_chunks", "stream", stream(300 << 10))
    print_file("two_levels", "stream", stream(8 << 20))
    print_file("longest_leaf", "zero", bytes(64 << 20))
    print_file("longest_leaf_and_one", "zero", bytes((64 << 20) + 1))
    print_entries("three_levels", 100000)


if __name__ == "__main__":
    main()
