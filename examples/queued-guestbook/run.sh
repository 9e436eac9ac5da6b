#!/usr/bin/env bash
# Starts a queue server, a gateway and the guestbook, says where the page is, and ends them all on Ctrl-C.
#
#   examples/queued-guestbook/run.sh                       the guestbook listens nowhere
#   sudo examples/queued-guestbook/run.sh --isolate        and nothing could connect to it (Linux, with ip and nft)
#   examples/queued-guestbook/run.sh --listen 127.0.0.1:9000 --data ~/guestbook
#
# FOREBAY_BIN and GUESTBOOK_BIN name programs that are built already.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fail() { echo "run.sh: $*" >&2; exit 2; }

listen=127.0.0.1:8083 data='' isolate=''
while [ $# -gt 0 ]; do
  case $1 in
    --listen) [ $# -gt 1 ] || fail "--listen needs an address, such as $listen"; listen=$2; shift 2 ;;
    --data) [ $# -gt 1 ] || fail '--data needs a folder'; data=$2; shift 2 ;;
    --isolate) isolate=yes; shift ;;
    *) fail "unknown argument $1; there are --listen ADDRESS, --data FOLDER and --isolate" ;;
  esac
done
if [ -n "$isolate" ]; then
  [ "$(id -u)" = 0 ] || fail '--isolate makes a network namespace, which needs root: use sudo'
  for tool in ip nft; do command -v "$tool" >/dev/null || fail "--isolate needs $tool: apt-get install iproute2 nftables"; done
fi
command -v curl >/dev/null || fail 'curl is missing'

scratch=$(mktemp -d)
data=${data:-$scratch/data}
mkdir -p "$data"
data=$(cd "$data" && pwd)
namespace='' processes=()
stop() {
  trap - EXIT INT TERM HUP
  for ((i = ${#processes[@]} - 1; i >= 0; i--)); do
    kill "${processes[i]}" 2>/dev/null && wait "${processes[i]}" 2>/dev/null || true
  done
  [ -z "$namespace" ] || ip netns delete "$namespace"
  rm -rf "$scratch"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

# The address of the server: of this machine alone, or of a cable between it and the namespace.
host=127.0.0.1 inside=(env)
if [ -n "$isolate" ]; then
  namespace=guestbook-$$ cable=gb$$ net=169.254.$((1 + $$ % 254))
  host=$net.1
  ip netns add "$namespace"
  ip link add "$cable" type veth peer name inside netns "$namespace"
  ip address add "$host/30" dev "$cable"
  ip link set "$cable" up
  ip -n "$namespace" address add "$net.2/30" dev inside
  ip -n "$namespace" link set inside up
  ip -n "$namespace" link set lo up
  inside=(ip netns exec "$namespace")
  "${inside[@]}" nft -f - <<'RULES'
table inet guestbook {
  chain in {
    type filter hook input priority 0; policy drop;
    ct state established,related accept comment "answers to what it asked"
    iif lo accept
    counter comment "what wanted in"
  }
}
RULES
fi

forebay=${FOREBAY_BIN:-} guestbook=${GUESTBOOK_BIN:-}
cd "$here"
[ -n "$forebay" ] || { forebay=$scratch/forebay; go build -o "$forebay" ../../cmd/forebay; }
[ -n "$guestbook" ] || { guestbook=$scratch/guestbook; go build -o "$guestbook" .; }

# begin NAME COMMAND... starts a program that writes to a log, and remembers it.
begin() {
  "${@:2}" >"$data/$1.log" 2>&1 &
  last=$!
  processes+=("$last")
}
# await NAME COMMAND... waits until the command works, as long as the program last begun runs.
await() {
  for _ in $(seq 300); do
    ! "${@:2}" >/dev/null 2>&1 || return 0
    kill -0 "$last" 2>/dev/null || break
    sleep 0.1
  done
  cat "$data/$1.log" >&2
  fail "the $1 did not start; its log is above"
}

# What the environment says about other servers must not matter.
unset "${!AWS_@}" "${!FOREBAY_@}"
export FOREBAY_DATA=$data/queues XDG_STATE_HOME=$scratch/state

begin server "$forebay" serve --listen "$host:0" ${isolate:+--insecure-http}
await server "$forebay" queues create guestbook

begin gateway "$forebay" gateway --route /=guestbook --listen "$listen" --state "$data/gateway"
await gateway curl -fsS "http://$listen/readyz"

eval "$("$forebay" env)"
begin guestbook "${inside[@]}" "$guestbook" -queue guestbook -file "$data/guestbook.json"
await guestbook curl -fsS --max-time 10 "http://$listen/"

echo "guestbook  http://$listen/"
echo "backend    process $last${namespace:+ in network namespace $namespace}, without a port"
echo "data       $data"
echo 'Press Ctrl-C to stop.'
wait "$last" || true
cat "$data/guestbook.log" >&2
fail 'the guestbook has ended; its log is above'
