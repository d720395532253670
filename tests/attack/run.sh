#!/usr/bin/env bash
# Handfast under attack: floods, blind injection, scans and churn, over a TUN whose other end is the kernel. When it is over
# no connection, block or record may be left, and `handfast ss --json` is asked for that.
#
#     tests/attack/run.sh [--short] [--only REGEX] HANDFAST ATTACK_FLOOD
#
# Each case is a file of cases/ and runs in a network namespace that is gone when it ends; nothing leaves the machine.
# Prints a line for each and `N passed, N failed`; exit status 1 when any failed.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

short= only=.
while [ $# -gt 0 ]; do
    case $1 in
    --short) short=1 ;;
    --only) only=$2; shift ;;
    -*) echo "usage: run.sh [--short] [--only REGEX] HANDFAST ATTACK_FLOOD" >&2; exit 2 ;;
    *) break ;;
    esac
    shift
done
[ $# = 2 ] || { echo "run.sh: which handfast and which attack_flood? give their paths" >&2; exit 2; }
handfast=$(realpath "$1") flood=$(realpath "$2")

PATH=/usr/bin:/usr/sbin:$PATH # Debian's python3 is the one that has scapy
for program in curl nmap hping3 tshark tcpdump ss ip; do
    command -v $program >/dev/null || missing="${missing:-} $program"
done
python3 -c 'import scapy' 2>/dev/null || missing="${missing:-} python3-scapy"
[ -z "${missing:-}" ] || { echo "attack: not installed:$missing (make setup)" >&2; exit 1; }
if [ "$(id -u)" = 0 ]; then isolate=(unshare --net --mount); else isolate=(unshare --user --map-root-user --net --mount); fi
"${isolate[@]}" test -c /dev/net/tun || { echo "attack: no TUN here; nothing was tested"; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/www"
head -c 4194304 /dev/urandom >"$work/www/file"
echo "small and sweet" >"$work/www/small"
passed=0 failed=0
for path in "$here"/cases/*.sh; do
    name=$(basename "$path" .sh) dir=$work/case
    [[ $name =~ $only ]] || continue
    rm -rf "$dir"
    mkdir "$dir"
    began=$(date +%s)
    env WWW="$work/www" DIR="$dir" HANDFAST="$handfast" FLOOD="$flood" LINK=tun FAMILY=4 FAULT= SHORT="$short" \
        XDG_RUNTIME_DIR="$dir" timeout -k 5 1200 "${isolate[@]}" bash -eu -o pipefail -c \
        ". '$here/../interop/lib.sh'; . '$path'; leave_nothing" >"$work/log" 2>&1 </dev/null
    if [ $? = 0 ]; then
        passed=$((passed + 1))
        printf 'ok      %5d s  %s\n' $(($(date +%s) - began)) "$name"
        sed -n 's/^=/              /p' "$work/log"
    else
        failed=$((failed + 1))
        printf 'FAILED  %5d s  %s\n' $(($(date +%s) - began)) "$name"
        tail -n 25 "$work/log" | sed 's/^/        /'
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
