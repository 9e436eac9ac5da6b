#!/usr/bin/env bash
# Runs `forebay work` against ElasticMQ, a server of somebody else: messages are handled, deleted and tried again.
#
#   work.sh FOREBAY JARS      the binary, and the folder with ElasticMQ
set -euo pipefail
forebay=$1
jars=$2
folder=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
elastic=''
web=''
clean() {
  for pid in $elastic $web; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true; done
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
echo "version forebay work on ElasticMQ $(find "$jars" -name 'elasticmq-server_*' | sed 's/.*-\([0-9.]*\)\.jar/\1/')"
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
work --queue orders -- sh -c 'echo "$FOREBAY_RECEIVE_COUNT" >>"$0"; [ "$FOREBAY_RECEIVE_COUNT" -ge 3 ]' "$folder/tried"
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
