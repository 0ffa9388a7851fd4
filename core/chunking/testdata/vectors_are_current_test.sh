#!/bin/sh
# vectors.txt is what make_vectors.py makes.
set -eu
folder=core/chunking/testdata
python3 "$folder/make_vectors.py" | diff "$folder/vectors.txt" -
