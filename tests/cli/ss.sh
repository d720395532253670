#!/bin/sh
# `handfast ss` sees a process that serves, by name, as text and as JSON, and says so when there is none.
# usage: ss.sh HANDFAST
set -u
handfast=$1
HANDFAST_RUNTIME_DIR=$(mktemp -d) || exit 1
export HANDFAST_RUNTIME_DIR
demo=
trap '[ -z "$demo" ] || kill "$demo"; rm -rf "$HANDFAST_RUNTIME_DIR"' EXIT

fail() {
    echo "FAILED: $1"
    exit 1
}

"$handfast" ss >/dev/null 2>&1 && fail "somebody answered where nobody is"

# It has said that it stays when its socket has been there for a while.
fifo=$HANDFAST_RUNTIME_DIR/out
mkfifo "$fifo" || exit 1
"$handfast" demo --memory --stay --msl 100ms "$(dirname "$0")" >"$fifo" 2>&1 &
demo=$!
grep -q Staying <"$fifo" || fail "the demo did not stay"

"$handfast" ss -s | grep -q 'LISTEN *1 ' || fail "no listener in the counts"
"$handfast" ss -a -H | grep -q '^LISTEN .* \*:80 ' || fail "no row for the listener"
"$handfast" ss -p $demo --json -a | grep -q '"verb": "demo"' || fail "no JSON"
[ "$("$handfast" ss --ndjson state listening sport = :80 | wc -l)" = 2 ] || fail "not two objects"
[ "$("$handfast" ss --ndjson state listening sport = :81 | wc -l)" = 1 ] || fail "the filter let it through"
"$handfast" ss -f -s | grep -q '^\*:80 .* SYNs > .* accepted' || fail "no funnel"
"$handfast" ss -f -s | grep -q '^TIME-WAIT  *[1-9]' || fail "nobody was ever in TIME-WAIT"
"$handfast" ss -t | grep -q '^Peer .*Ports left' || fail "no peers"
"$handfast" ss --history | grep -q 'SYN-RECEIVED > ESTABLISHED .*(EDGE_ACK_OF_SYN)' || fail "no history"
"$handfast" ss --json | python3 -c '
import json, sys
process = json.load(sys.stdin)["processes"][0]
funnel = process["listeners"][0]["funnel"]
assert funnel["syns"] >= funnel["established"] >= funnel["accepted"] > 0, funnel
assert len(process["entered"]) == len(process["time_in_state_ms"]) == 11
assert set(process["closed_first"]) == {"us", "peer", "both"}
assert isinstance(process["peers"], list)
' || fail "the JSON says it otherwise"

# Prometheus: each metric once behind its HELP and TYPE, every state even at zero.
"$handfast" ss --prometheus | python3 -c '
import re, sys
typed, states, last = {}, set(), None
for line in sys.stdin:
    comment = re.fullmatch(r"# (HELP|TYPE) (\w+) (.+)\n", line)
    if comment:
        kind, name, _ = comment.groups()
        assert kind == "HELP" or last == name
        assert kind == "TYPE" or name not in typed, name
        typed[name] = last = name
        continue
    sample = re.fullmatch(r"(\w+)\{(.*)\} ([0-9.e+]+)\n", line)
    assert sample and sample[1] == last, line
    assert re.fullmatch(r"(\w+=\"[^\"]*\",?)+", sample[2]), line
    states |= set(re.findall("state=\"(.*?)\"", sample[2])) if last == "handfast_connections" else set()
assert len(states) == 11, states
assert "handfast_listener_total" in typed and "handfast_state_seconds_total" in typed
' || fail "no Prometheus text"
"$handfast" ss -p 1 >/dev/null 2>&1 && fail "process 1 answered"
kill "$demo" && wait "$demo"
demo=
[ -z "$(find "$HANDFAST_RUNTIME_DIR" -name '*.sock')" ] || fail "the socket is still there"
