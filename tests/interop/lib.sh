# What the cases share. Set by run.sh: WWW DIR HANDFAST LINK FAMILY FAULT SHORT.

if [ "$FAMILY" = 4 ]; then engine=10.77.0.2 kernel=10.77.0.1 url=http://10.77.0.2; else engine=fd77::2 kernel=fd77::1 url='http://[fd77::2]'; fi
if [ -n "$FAULT" ]; then big=lossy; else big=clean; fi

options=(--device hf0)
[ "$LINK" = tun ] || options+=(--tap)
[ -z "$FAULT" ] || options+=(--fault "$FAULT")

# For a connection that Handfast closes first: it stays for the FIN that the kernel sends again when its ACK was lost.
company=()
[ -z "$FAULT" ] || company=(--msl 1 --time-wait 2)

ip link set lo up
cd "$DIR"
pids=()
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT # whatever went wrong, nothing runs on
trap 'exit 1' TERM

# Runs a program in the background, its words in NAME.log; its number is in $pid.
start() { # NAME COMMAND...
    local name=$1
    shift
    "$@" >"$name.out" 2>"$name.log" &
    pid=$!
    pids+=($pid)
}

# Waits, for ten seconds at most, until a command succeeds.
until_true() {
    local tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 500 ] || { echo "waited in vain for: $*"; tail -n 5 ./*.log; return 1; }
        sleep 0.02
    done
}

is_listening() { ss -Hltn "sport = :$1" | grep -q .; }
has_addresses() { ip -o address show dev hf0 | grep -q "$kernel" && ! ip -6 -o address show dev hf0 tentative | grep -q .; }

# Handfast serves WWW.
serve() {
    start serve "$HANDFAST" serve -q "${options[@]}" "$@" "$WWW"
    serve_pid=$pid
    until_true has_addresses
}

# Ends a program as a person would, and wants exit status 0.
finish() { # PID
    kill -TERM "$1"
    wait "$1" || { echo "exit status $? of process $1"; tail -n 5 ./*.log; return 1; }
}

same() { cmp "$1" "$2" || { echo "$1 and $2 differ"; ls -l "$1" "$2"; return 1; }; }

# No connection of the kernel's is left but in TIME-WAIT; Handfast's are gone with it, or it says so.
kernel_is_quiet() { ! ss -Htan state all exclude listening exclude time-wait exclude closed | grep -q .; }
engine_is_quiet() {
    "$HANDFAST" ss --json -p "$1" | python3 -c '
import json, sys
states = json.load(sys.stdin)["processes"][0]["states"]
left = {s: n for s, n in states.items() if n and s not in ("LISTEN", "TIME-WAIT")}
sys.exit(print(left) or 1 if left else 0)'
}

leave_nothing() {
    until_true kernel_is_quiet
    if [ -n "${serve_pid:-}" ]; then
        until_true engine_is_quiet $serve_pid
        finish $serve_pid
    fi
}

# Handfast has neither connection, block nor record left; TIME-WAIT is short where this is asked.
nothing_is_left() {
    "$HANDFAST" ss --json -s -p $serve_pid | python3 -c '
import json, sys
process = json.load(sys.stdin)["processes"][0]
left = {s: n for s, n in process["states"].items() if n and s != "LISTEN"}
left |= {k: n for k, n in process["usage"].items() if n and k in ("connections", "half_open", "time_wait", "orphans", "blocks")}
sys.exit(print(left) or 1 if left else 0)'
}
nothing_left() { until_true kernel_is_quiet; until_true nothing_is_left || { nothing_is_left; return 1; }; }
