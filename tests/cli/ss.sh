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
"$handfast" ss -p 1 >/dev/null 2>&1 && fail "process 1 answered"
kill "$demo" && wait "$demo"
demo=
[ -z "$(find "$HANDFAST_RUNTIME_DIR" -name '*.sock')" ] || fail "the socket is still there"
