#!/usr/bin/env bash
# Handfast against the host kernel and other people's programs, over TUN and TAP, IPv4 and IPv6, clean and lossy paths.
#
#     tests/interop/run.sh [--short] [--only REGEX] [--list] HANDFAST
#
#         network namespace of one case
#        +--------------------------------------------------------------+
#        |  curl wget ab nc socat nginx     kernel ==TUN/TAP== handfast  |
#        |                                10.77.0.1          10.77.0.2   |
#        |                                 fd77::1            fd77::2    |
#        +--------------------------------------------------------------+
#
# Each case is a file of cases/ and runs in a namespace that is gone when it ends. A case passes when contents compare
# equal and neither side has a connection left. Prints a line for each and `N passed, N failed`; exit status 1 when any
# failed.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

short= only=. list=
while [ $# -gt 0 ]; do
    case $1 in
    --short) short=1 ;;
    --only) only=$2; shift ;;
    --list) list=1 ;;
    -*) echo "usage: run.sh [--short] [--only REGEX] [--list] HANDFAST" >&2; exit 2 ;;
    *) break ;;
    esac
    shift
done
[ $# = 1 ] || [ -n "$list" ] || { echo "run.sh: which handfast? give its path" >&2; exit 2; }
handfast=${1:+$(realpath "$1")}

for program in curl wget ab nc socat nginx tshark tcpdump ss ip nft; do
    command -v $program >/dev/null || missing="${missing:-} $program"
done
[ -z "${missing:-}" ] || { echo "interop: not installed:$missing (make setup)" >&2; exit 1; }

# Without root a user namespace gives what is needed of it.
if [ "$(id -u)" = 0 ]; then isolate=(unshare --net --mount); else isolate=(unshare --user --map-root-user --net --mount); fi
"${isolate[@]}" test -c /dev/net/tun ||
    { echo "interop: no TUN here (/dev/net/tun and the right to make namespaces); nothing was tested"; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -n "$short" ]; then clean_size=$((16 << 20)) lossy_size=$((1 << 20)); else clean_size=$((1 << 30)) lossy_size=$((16 << 20)); fi
mkdir "$work/www"
head -c $clean_size /dev/urandom >"$work/www/clean"
head -c $lossy_size "$work/www/clean" >"$work/www/lossy"
head -c 1048576 "$work/www/clean" >"$work/www/megabyte"
echo "small and sweet" >"$work/www/small"

passed=0 failed=0
if [ -n "$short" ]; then limit=60; else limit=600; fi # seconds for one case

run_case() { # LINK FAMILY FAULT CASE
    local name="$4: $1, IPv$2, ${3:-clean}" log=$work/log dir=$work/case began status seconds
    [[ $name =~ $only ]] || return 0
    [ -z "$list" ] || { echo "$name"; return 0; }
    rm -rf "$dir"
    mkdir "$dir"
    began=$(date +%s%N)
    env WWW="$work/www" DIR="$dir" HANDFAST="$handfast" LINK="$1" FAMILY="$2" FAULT="$3" SHORT="$short" \
        XDG_RUNTIME_DIR="$dir" timeout -k 5 $limit "${isolate[@]}" bash -eu -o pipefail -c \
        ". '$here/lib.sh'; . '$here/cases/$4.sh'; leave_nothing" >"$log" 2>&1 </dev/null
    status=$?
    seconds=$((($(date +%s%N) - began) / 10000000))
    if [ $status = 0 ]; then
        passed=$((passed + 1))
        printf 'ok      %5d.%02d s  %s\n' $((seconds / 100)) $((seconds % 100)) "$name"
    else
        failed=$((failed + 1))
        printf 'FAILED  %5d.%02d s  %s\n' $((seconds / 100)) $((seconds % 100)) "$name"
        tail -n 25 "$log" | sed 's/^/        /'
    fi
}

faults=('' 'loss 1%' 'loss 5%' 'reorder 3%, jitter 200us')
transfers=(curl wget ab nc socat upload nginx)
ways=(half-close graceful last-ack abort refused wire fast-open)

if [ -n "$short" ]; then
    for name in "${transfers[@]}" "${ways[@]}"; do run_case tun 4 '' $name; done
    for name in curl socat upload half-close; do run_case tap 6 'loss 1%' $name; done
else
    for link in tun tap; do
        for family in 4 6; do
            for fault in "${faults[@]}"; do
                for name in "${transfers[@]}"; do run_case $link $family "$fault" $name; done
            done
            for name in "${ways[@]}"; do run_case $link $family '' $name; done
        done
    done
fi
[ -n "$list" ] || echo "$passed passed, $failed failed"
[ $failed = 0 ]
