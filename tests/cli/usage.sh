#!/bin/sh
# Wrong arguments are answered with one line on stderr that names what was wrong, nothing on stdout, and exit status 2.
# usage: usage.sh HANDFAST
set -u
handfast=$1
out=$(mktemp) || exit 1
err=$(mktemp) || exit 1
trap 'rm -f "$out" "$err"' EXIT
failed=0

fail() {
    echo "FAILED: $1"
    sed 's/^/    /' "$err"
    failed=1
}

# wrong WORDS ARGUMENTS...: the line contains WORDS
wrong() {
    words=$1
    shift
    "$handfast" "$@" >"$out" 2>"$err" </dev/null
    status=$?
    [ $status -eq 2 ] || fail "handfast $*: exit status $status, not 2"
    [ "$(wc -l <"$err")" -eq 1 ] || fail "handfast $*: not one line"
    [ ! -s "$out" ] || fail "handfast $*: something on stdout"
    grep -qF -e "$words" "$err" || fail "handfast $*: no word of \"$words\""
}

# right WORDS ARGUMENTS...: exit status 0, WORDS on stdout and nothing on stderr
right() {
    words=$1
    shift
    "$handfast" "$@" >"$out" 2>"$err" </dev/null
    status=$?
    [ $status -eq 0 ] || fail "handfast $*: exit status $status, not 0"
    [ ! -s "$err" ] || fail "handfast $*: something on stderr"
    grep -qF -e "$words" "$out" || fail "handfast $*: no word of \"$words\""
}

wrong '--cookies is for --fast-open' connect --cookies /dev/null 10.77.0.1 9
wrong 'exclude each other' connect --fast-open --retry 1 10.77.0.1 9
wrong 'no verb given'
wrong "'frobnicate' is not a verb" frobnicate
wrong "'--frobnicate' is not a verb" --frobnicate
right 'usage: handfast' --help
right 'handfast ' --version

for verb in serve listen connect; do
    right "usage: handfast $verb" $verb --help
    right "usage: handfast $verb" $verb -h
    wrong "unknown option '--frobnicate'" $verb --frobnicate
    wrong "unknown option '--frobnicate=1'" $verb --frobnicate=1
    wrong "unknown option '-Z'" $verb -Z
    wrong "--mtu wants a value" $verb --mtu
    wrong "--tap takes no value" $verb --tap=1
    wrong "--mtu wants a number from 576 to 65535, not '100'" $verb --mtu 100
    wrong "--mtu wants a number from 576 to 65535, not '70000'" $verb --mtu 70000
    wrong "--address wants an address" $verb --address 10.0.0.300/8
    wrong "--address wants an address" $verb --address 10.0.0.3/33
    wrong "--peer wants an address" $verb --peer fd77::1/129
    wrong "--device wants a name" $verb --device much-too-long-a-name
    wrong "--drain wants a time" $verb --drain soon
    wrong "--msl wants a time from" $verb --msl 0
    wrong "--time-wait wants a time" $verb --time-wait 5parsecs
    wrong "--seed wants a number" $verb --seed x
    wrong "--connections wants a number" $verb --connections 0
    wrong "'--' wants a program" $verb --tap --
done

wrong 'which directory?' serve
wrong "one directory only, not 'b' too" serve a b
wrong '--port wants 1 to 65535' serve -p 0 .
wrong '--port wants 1 to 65535' serve --port 65536 .
wrong '--bind wants an address' serve --bind localhost .
wrong '--timeout wants a time' serve --timeout 0 .

wrong 'a port is needed' listen
wrong "'http' is not a port" listen http
wrong "'localhost' is not an address" listen localhost 80
wrong "not 'c' too" listen 10.77.0.2 80 c

wrong 'an address and a port are needed' connect 10.77.0.1
wrong "'localhost' is not an address" connect localhost 80
wrong "'0.0.0.0' is not an address to connect to" connect 0.0.0.0 80
wrong "'0' is not a port" connect 10.77.0.1 0
wrong "not 'x' too" connect 10.77.0.1 80 x
wrong '--linger wants a time' connect --linger -5 10.77.0.1 80
wrong '--user-timeout wants milliseconds' connect --user-timeout 0 10.77.0.1 80
wrong '--keep-alive wants a time' connect --keep-alive 10ms 10.77.0.1 80
wrong '--source-port wants 1 to 65535' connect -p x 10.77.0.1 80
wrong '--retry wants a time' connect --retry x 10.77.0.1 80

right 'usage: handfast sim' sim --help
right '3 passed, 0 failed' sim --seeds 1..3
right '"passed": 3' sim --seeds 1..3 --json
right 'nothing went wrong' sim --seed 1
right 'why SYN' sim --seed 1 --trace
right 'Mbit/s' sim --path 'delay 1ms, rate 10Mbit' --bytes 20k
right '"goodput_mbit"' sim --path 'delay 1ms' --bytes 20k --json
wrong "unknown option '--frobnicate'" sim --frobnicate
wrong "'x' is not an option" sim x
wrong '--seeds wants FIRST..LAST' sim --seeds 5..1
wrong '--for wants a time' sim --for ever
wrong '--jobs wants a number' sim -j 0
wrong "'moss' is not understood" sim --path 'moss 1%'
wrong 'faults by name' sim --path 'drop first SYN'
wrong '--bytes wants a size' sim --bytes 10T
wrong '--flows wants a number' sim --flows 1000
wrong '--congestion wants cubic' sim --congestion vegas
wrong 'one at a time' sim --seeds 1..2 --path 'loss 1%'
wrong '--trace and --shrink are about one' sim --shrink
wrong 'is not NAME=NUMBER' sim --scenario 'talk wants0'
wrong "there is no 'cheese' to set" sim --scenario 'talk cheese=1'
wrong 'between an even host and an odd one' sim --scenario 'talk from=0 to=2'

exit $failed
