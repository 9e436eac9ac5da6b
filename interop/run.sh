#!/usr/bin/env bash
# Installs real SQS clients into a scratch folder and runs each against a server with signatures checked.
#
#   interop/run.sh                  all clients
#   interop/run.sh boto3 java       some of them
#
# A client that cannot be installed has failed. With INTEROP_ENDPOINT and AWS credentials in the environment the
# server that is there is used, and none is built and started.
set -euo pipefail
cd "$(dirname "$0")/.."

interop=$PWD/interop
scratch=$(mktemp -d)
export PYTHONDONTWRITEBYTECODE=1 AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
server=''
rows=()
passed=0
failed=0

clean() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
  rm -rf "$scratch"
}
trap clean EXIT

# free_port prints a port that nobody listens on.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start builds the server, starts it on data of its own and takes over its settings as a user does.
start() {
  go build -o "$scratch/forebay" ./cmd/forebay
  local address
  address=127.0.0.1:$(free_port)
  "$scratch/forebay" serve --listen "$address" --data "$scratch/data" >"$scratch/server.log" 2>&1 &
  server=$!
  for _ in $(seq 100); do
    if curl -fsS -o /dev/null "http://$address/readyz" 2>/dev/null; then
      eval "$("$scratch/forebay" env --endpoint "http://$address" --data "$scratch/data")"
      return
    fi
    sleep 0.1
  done
  cat "$scratch/server.log"
  echo "the server did not become ready" >&2
  exit 1
}

# venv NAME PACKAGE... makes a Python of its own with the packages.
venv() {
  python3 -m venv "$scratch/$1"
  "$scratch/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}

# readme prints the one block of README.md in the language.
readme() { awk -v "fence=\`\`\`$1" '$0 == fence { inside = 1; next } /^```/ { inside = 0 } inside' README.md; }

# javascript installs what the lock file names, once for both smokes.
javascript() {
  [ ! -d "$scratch/js" ] || return 0
  cp -r "$interop/js" "$scratch/js"
  npm ci --prefix "$scratch/js" --no-audit --no-fund --loglevel error >/dev/null
}

run_boto3() {
  venv boto3 boto3
  "$scratch/boto3/bin/python" "$interop/python/smoke.py"
  readme python | "$scratch/boto3/bin/python" - | grep -x hello >/dev/null
  echo 'ok README'
}
run_boto3_query() { venv boto3-query 'boto3==1.26.*' && "$scratch/boto3-query/bin/python" "$interop/python/smoke.py"; }
run_aws_cli_1() { venv aws-cli-1 awscli && "$interop/cli/smoke.sh" "$scratch/aws-cli-1/bin/aws"; }
run_aws_cli_debian() {
  if ! dpkg -s awscli >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends awscli >/dev/null
  fi
  "$interop/cli/smoke.sh" /usr/bin/aws
}
run_javascript() {
  javascript
  node --no-warnings "$scratch/js/client-sqs.mjs"
  readme js >"$scratch/js/readme.mjs"
  node --no-warnings "$scratch/js/readme.mjs"
  echo 'ok README'
}
run_sqs_consumer() { javascript && node --no-warnings "$scratch/js/sqs-consumer.mjs"; }
run_java() {
  cp -r "$interop/java" "$scratch/java"
  mvn -f "$scratch/java" --quiet --batch-mode compile exec:java
}
run_celery() { venv celery 'celery[sqs]' && "$scratch/celery/bin/python" "$interop/celery/smoke.py"; }
run_go() { go test -count=1 -v -run '^TestTour$' ./e2e -endpoint "$AWS_ENDPOINT_URL_SQS" | "$interop/go.awk"; }

run_elasticmq() {
  cp -r "$interop/elasticmq" "$scratch/elasticmq"
  mvn -f "$scratch/elasticmq" --quiet --batch-mode dependency:copy-dependencies -DoutputDirectory="$scratch/elasticmq/jars"
  [ -x "$scratch/forebay" ] || go build -o "$scratch/forebay" ./cmd/forebay
  "$scratch/elasticmq/work.sh" "$scratch/forebay" "$scratch/elasticmq/jars"
}

# client NAME FUNCTION runs one client in a shell of its own and adds its row to the table. A smoke prints
# "version ...", "protocol ..." and a line "ok ..." or "FAILED ..." for each step.
client() {
  local name=$1 log=$scratch/$1.log result=ok start=$SECONDS
  printf '\n=== %s\n' "$name"
  timeout --kill-after=10s 240s bash -c "set -euo pipefail; $2" >"$log" 2>&1 || result=FAILED
  sed -i 's/\x1b\[[0-9;]*m//g' "$log" # colours that Maven writes whatever it is told
  cat "$log"
  local steps version protocol
  steps=$(grep -c '^ok ' "$log" || true)
  version=$(sed -n 's/^version //p' "$log" | head -n 1)
  protocol=$(sed -n 's/^protocol //p' "$log" | head -n 1)
  if [ "$result" = ok ] && [ "$steps" -gt 0 ]; then passed=$((passed + 1)); else result=FAILED failed=$((failed + 1)); fi
  rows+=("$(printf '%-16s %-48s %-9s %5s  %4ss  %s' "$name" "${version:-not installed}" "${protocol:--}" "$steps" $((SECONDS - start)) "$result")")
}

if [ -n "${INTEROP_ENDPOINT:-}" ]; then
  export AWS_ENDPOINT_URL_SQS=$INTEROP_ENDPOINT
else
  start
fi
# What the environment of the person who runs this says about AWS must not matter.
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL

export interop scratch
export -f venv javascript readme
clients=("$@")
[ $# -gt 0 ] || clients=(boto3 boto3_query aws_cli_1 aws_cli_debian javascript sqs_consumer java celery go elasticmq)
for name in "${clients[@]}"; do
  declare -F "run_$name" >/dev/null || { echo "no client named $name" >&2; exit 2; }
  export -f "run_$name"
  client "$name" "run_$name"
done

printf '\n%-16s %-48s %-9s %5s  %5s  %s\n' client version protocol steps time result
printf '%s\n' "${rows[@]}"
printf '\n%d passed, %d failed\n' "$passed" "$failed"
if [ "$failed" -gt 0 ] && [ -s "$scratch/server.log" ]; then
  printf '\n=== the last lines of the server\n'
  tail -n 40 "$scratch/server.log"
fi
[ "$failed" -eq 0 ]
