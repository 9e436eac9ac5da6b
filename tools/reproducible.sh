#!/usr/bin/env bash
# Builds the committed source in two different folders and compares: same bytes, and not more than 40 MiB.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
max=$((40 * 1024 * 1024))

for folder in one another/and/deeper; do
  mkdir -p "$scratch/$folder"
  git archive HEAD | tar -x -C "$scratch/$folder"
  make -s -C "$scratch/$folder" build BIN="$scratch/$folder/forebay"
done

first=$(sha256sum <"$scratch/one/forebay")
second=$(sha256sum <"$scratch/another/and/deeper/forebay")
size=$(stat -c %s "$scratch/one/forebay")

echo "sha256 ${first%% *}, $size bytes"
if [ "$first" != "$second" ]; then
  echo "the second folder built ${second%% *}: the build is not reproducible" >&2
  exit 1
fi
if [ "$size" -gt "$max" ]; then
  echo "the binary is larger than $max bytes" >&2
  exit 1
fi
