#!/usr/bin/env bash
# Runs the Go benchmarks in the work tree and in an older commit, and lets benchstat compare them.
#
#   tools/bench-compare.sh                     with the commit before this one
#   BASE=v0.1.0 BENCH=Send COUNT=10 tools/bench-compare.sh ./internal/queue ./internal/sqs/...
set -euo pipefail
cd "$(dirname "$0")/.."

base=${BASE:-HEAD~1}
scratch=$(mktemp -d)
trap 'git worktree remove --force "$scratch/base" 2>/dev/null || true; rm -rf "$scratch"' EXIT
git worktree add --quiet --detach "$scratch/base" "$base"

if [ $# -eq 0 ]; then
  # The packages that have benchmarks on both sides; a failing one would only cost the others their turn.
  while read -r dir; do
    if grep -qrs --include='*_test.go' '^func Benchmark' "$scratch/base/$dir"; then set -- "$@" "./$dir"; fi
  done < <(grep -rl --include='*_test.go' '^func Benchmark' internal | xargs -rn1 dirname | sort -u)
fi

# Turn by turn, so that what else the machine does meets both.
for _ in $(seq "${COUNT:-6}"); do
  (cd "$scratch/base" && go test -run '^$' -bench "${BENCH:-.}" -benchmem "$@") >>"$scratch/old.txt"
  go test -run '^$' -bench "${BENCH:-.}" -benchmem "$@" >>"$scratch/new.txt"
done
go tool -modfile=tools/go.mod benchstat "$(git rev-parse --short "$base")=$scratch/old.txt" "work tree=$scratch/new.txt"
