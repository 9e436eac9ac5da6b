#!/usr/bin/env bash
# Runs `forebay work`, `forebay pool` and `forebay top` against ElasticMQ, a server of somebody else: messages are handled,
# deleted and tried again, a pool starts workers for them and pauses them, all without what only Forebay tells.
#
#   work.sh FOREBAY JARS      the binary, and the folder with ElasticMQ
set -euo pipefail
forebay=$1
jars=$2
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
elastic=''
web=''
pool=''
clean() {
  for pid in $pool $elastic $web; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap clean EXIT

ok() { echo "ok   $*"; }
fail() { echo "FAILED $*"; cat "$folder"/*.log; exit 1; }
# check WHAT GOT WANTED
check() { if [ "$2" = "$3" ]; then ok "$1"; else fail "$1: $2, want $3"; fi; }

cat >"$folder/custom.conf" <<CONF
include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = $port, context-path = "" }
rest-sqs { enabled = true, bind-hostname = "127.0.0.1", bind-port = $port }
rest-stats { enabled = false }
CONF
java -Dconfig.file="$folder/custom.conf" -cp "$jars/*" org.elasticmq.server.Main >"$folder/elasticmq.log" 2>&1 &
elastic=$!
export FOREBAY_ENDPOINT=http://127.0.0.1:$port FOREBAY_ACCESS_KEY_ID=any FOREBAY_SECRET_ACCESS_KEY=any FOREBAY_REGION=elasticmq
for _ in $(seq 300); do
  "$forebay" queues >/dev/null 2>&1 && break
  kill -0 "$elastic" 2>/dev/null || fail "ElasticMQ did not start"
  sleep 0.1
done
echo "version forebay work and pool on ElasticMQ $(find "$jars" -name 'elasticmq-server_*' | sed 's/.*-\([0-9.]*\)\.jar/\1/')"
echo "protocol JSON"

work() { timeout 60 "$forebay" work --lease 5s --idle 2s --backoff 1s "$@" 2>>"$folder/work.log"; }
left() { "$forebay" queues -o json | python3 -c '
import json, sys
q = [q for q in json.load(sys.stdin) if q["name"] == sys.argv[1]][0]
print(q["ApproximateNumberOfMessages"] + q["ApproximateNumberOfMessagesNotVisible"])' "$1"; }

"$forebay" queues create orders >/dev/null
seq 20 | "$forebay" send orders --attr colour=red >/dev/null
work --queue orders --concurrency 4 --prefetch 4 -- sh -c 'echo "$(cat) $FOREBAY_ATTR_COLOUR" >>"$0"' "$folder/handled"
check 'each message is handled once, with its attributes' "$(sort -n "$folder/handled" | tr '\n' ,)" "$(seq 20 | sed 's/$/ red/' | tr '\n' ,)"
check 'what is done is deleted' "$(left orders)" 0

"$forebay" send orders again >/dev/null
work --idle 6s --queue orders -- sh -c 'echo "$FOREBAY_RECEIVE_COUNT" >>"$0"; [ "$FOREBAY_RECEIVE_COUNT" -ge 3 ]' "$folder/tried"
check 'a message that fails comes back until it does not' "$(tr '\n' , <"$folder/tried")" 1,2,3,

"$forebay" send orders slow >/dev/null
work --queue orders -- sh -c 'echo run >>"$0"; sleep 12' "$folder/slow"
check 'heartbeats keep what takes longer than the lease' "$(wc -l <"$folder/slow" | tr -d ' ')" 1

"$forebay" send orders interrupted >/dev/null
"$forebay" work --queue orders --grace 0s -- sh -c 'echo run >>"$0"; sleep 100' "$folder/interrupted" 2>>"$folder/work.log" &
agent=$!
until [ -s "$folder/interrupted" ]; do sleep 0.1; done
kill -TERM "$agent" && wait "$agent"
check 'what is interrupted is given back at once' "$("$forebay" receive orders --raw --delete)" interrupted

"$forebay" queues create steps.fifo >/dev/null
for i in 1 2 3 4 5 6; do "$forebay" send steps.fifo --group "g$((i % 2))" --dedup-id "$i" "$i" >/dev/null; done
work --queue steps.fifo --concurrency 4 --prefetch 6 -- sh -c 'n=$(cat); echo "$n" >>"$0"; [ "$n $FOREBAY_RECEIVE_COUNT" != "2 1" ]' "$folder/steps"
check 'a FIFO group keeps its order' "$(grep '[135]' "$folder/steps" | tr '\n' ,)$(grep '[246]' "$folder/steps" | tr '\n' ,)" 1,3,5,2,2,4,6,

python3 - "$folder/posted" "$folder/webport" <<'PYTHON' &
import http.server, sys
class Application(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        open(sys.argv[1], "a").write(f'{body} {self.headers["X-Aws-Sqsd-Receive-Count"]}\n')
        self.send_response(200 if self.headers["X-Aws-Sqsd-Receive-Count"] != "1" else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Application)
open(sys.argv[2], "w").write(str(server.server_port) + "\n")
server.serve_forever()
PYTHON
web=$!
until [ -s "$folder/webport" ]; do sleep 0.1; done
"$forebay" send orders posted >/dev/null
work --queue orders --http "http://127.0.0.1:$(cat "$folder/webport")/" --error-timeout 1s
check 'a web application handles messages' "$(tr '\n' , <"$folder/posted")" 'posted 1,posted 2,'
check 'and nothing is left' "$(left orders)" 0

# A pool from zero, of workers that take commands.
pools() { "$forebay" pools --state "$folder/pools" "$@" 2>>"$folder/pool.log"; }
field() { pools show pooled -o json | python3 -c 'import json, sys; s = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }
# soon WHAT COMMAND... waits until the command is true.
soon() {
  local what=$1
  shift
  for _ in $(seq 300); do "$@" && { ok "$what"; return; }; sleep 0.1; done
  fail "$what: not within 30 s"
}
done_is() { [ "$(sort -n "$folder/pooled" 2>/dev/null | tr '\n' ,)" = "$1" ]; }
workers_are() { [ "$(field 's["workers"]["up"] + s["workers"]["booting"]')" = "$1" ]; }
queues_are() { [ "$("$forebay" queues list forebay-worker-pooled- -o name | wc -l | tr -d ' ')" = "$1" ]; }
told() { grep -q "$1" "$folder/pool.log"; }
"$forebay" queues create pooled >/dev/null
"$forebay" pool run --queue pooled --wait 2s --max 3 --every 500ms --service 100ms --policy slack:idle=3s --listen 127.0.0.1:0 \
  --state "$folder/pools" -- "$forebay" work --queue {queue} --idle {idle} --commands {commands} -- \
  sh -c 'cat >>"$0"; echo >>"$0"' "$folder/pooled" >"$folder/pool.log" 2>&1 &
pool=$!
until [ -s "$folder/pools/endpoint" ]; do sleep 0.1; done
check 'a pool with nothing to do has no workers' "$(field 's["desired"]')" 0
seq 9 | "$forebay" send pooled >/dev/null
soon 'a pool starts workers from zero, and they do the work' done_is "$(seq 9 | tr '\n' ,)"
soon 'its workers leave when they are idle' workers_are 0
soon 'and their command queues with them' queues_are 0
told 'does not tell ages' && ok 'it says once that this server tells no ages' || fail 'no remark about ages'
pools set pooled min=1 >/dev/null
soon 'a worker that stays is started' workers_are 1
soon 'it has a command queue' queues_are 1
pools pause pooled >/dev/null
soon 'it is told to pause' told '"msg":"paused"'
seq 10 12 | "$forebay" send pooled >/dev/null
check 'a pool that is paused says so' "$(field 's["paused"], s["workers"]["up"] + s["workers"]["booting"]')" '(True, 1)'
check 'and does nothing' "$(left pooled)" 3
pools resume pooled >/dev/null
soon 'resumed, it goes on' done_is "$(seq 12 | tr '\n' ,)"
top=$("$forebay" top pooled --once --state "$folder/pools" | awk 'NR == 1 || $1 == "POOL" { print $1, $2, NF }' | tr '\n' ,)
check 'top shows what this server tells, and the pool' "$top" 'QUEUE VISIBLE 5,POOL DESIRED 8,'
kill -TERM "$pool" && wait "$pool" && pool=''
soon 'the end of a pool leaves no queue' queues_are 0
