# A SYN flood over the TUN, at a rate at which the device drops nothing: every curl succeeds meanwhile, by cookies that keep
# window scale and SACK. Then the rate at which the device itself begins to drop (RFC 4987 3.6).
[ -n "$SHORT" ] && seconds=3 fetches=10 try=0.3 || seconds=60 fetches=300 try=1
dropped() { ip -s -j link show hf0 | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["stats64"]["tx"]["dropped"])'; }
funnel() { "$HANDFAST" ss --json -s -p $serve_pid | python3 -c '
import json, sys
process = json.load(sys.stdin)["processes"][0]
print(process["listeners"][0]["funnel"][sys.argv[1]])' "$1"; }

serve --msl 100ms
sysctl -qw net.ipv4.ip_local_port_range="20000 60000"

# A rate that the device takes while nobody else wants it: the largest of these.
quiet_rate() {
    for rate in 100000 50000 20000 10000 5000 2000 1000; do
        local before=$(dropped)
        "$FLOOD" 10.77.0.2 80 $rate $try >/dev/null
        [ "$(dropped)" = "$before" ] && return 0
    done
    echo "the device drops at every rate"
    return 1
}
quiet_rate

start tcpdump tcpdump -i hf0 -B 65536 --immediate-mode -Z root -w shake.pcap \
    'host 10.77.0.1 and tcp[tcpflags] & tcp-syn != 0'
dump_pid=$pid
until_true grep -q listening tcpdump.log

# Every fetch must succeed, whatever the device drops; the rate to state is one at which it drops nothing.
fetched=0
flood_at() { # RATE
    local before=$(dropped) until=$((fetched + fetches))
    start flood "$FLOOD" 10.77.0.2 80 $1 $seconds
    local flood_pid=$pid
    while kill -0 $flood_pid 2>/dev/null && [ $fetched -lt $until ]; do
        curl -sS --fail --max-time 10 -o got http://10.77.0.2/small
        same got "$WWW/small"
        fetched=$((fetched + 1))
    done
    wait $flood_pid
    drops=$(($(dropped) - before))
    echo "=$(cat flood.out), $1 a second asked for: $drops dropped by the device, every fetch succeeded ($fetched so far)"
}
drops=1
while [ $drops != 0 ] && [ $rate -gt 500 ]; do
    rate=$((rate / 2)) # curl's frames want room as well, and others the processors
    flood_at $rate
done
[ $drops = 0 ] || { echo "the device drops at $rate a second"; exit 1; }
[ $fetched -gt 0 ] || { echo "nothing was fetched during the flood"; exit 1; }
[ "$(funnel cookies_returned)" -gt 0 ] || { echo "no cookie came back"; exit 1; }
finish $dump_pid
echo "=cookies: $(funnel cookies_sent) sent, $(funnel cookies_returned) back"

# What the SYN,ACKs to curl offered.
tshark -n -r shake.pcap -Y 'tcp.flags.syn == 1 && tcp.flags.ack == 1' -T fields \
    -e tcp.options.wscale.shift -e tcp.options.sack_perm -e tcp.options.timestamp.tsval -e tcp.options.mss_val \
    2>/dev/null >offers
[ "$(wc -l <offers)" -ge $fetched ]
awk -F'\t' '$1 == "" || $2 == "" || $3 == "" || $4 == "" { print "a SYN,ACK without an option: " $0; exit 1 }' offers
echo "=SYN,ACKs during the flood: $(sort -u offers | cut -f1,2,4 | sort -u | head -n 1 | tr '\t' ' ') (window scale, SACK permitted, MSS)"

# And the rate at which the device begins to drop.
for rate in 10000 20000 50000 100000 200000 400000 800000; do
    before=$(dropped)
    "$FLOOD" 10.77.0.2 80 $rate $try >flood.out
    drops=$(($(dropped) - before))
    [ $drops = 0 ] || break
done
echo "=the device first drops when asked for $rate a second: $(cat flood.out), $drops dropped"
curl -sS --fail --max-time 10 -o got http://10.77.0.2/small
half_open_is_gone() { [ "$("$HANDFAST" ss --json -s -p $serve_pid | python3 -c '
import json, sys
print(json.load(sys.stdin)["processes"][0]["usage"]["half_open"])')" = 0 ]; }
# The records of the flood go with their time, five SYN,ACKs later: a minute, which only the long form waits for.
if [ -n "$SHORT" ]; then
    finish $serve_pid
    serve_pid=
else
    for i in $(seq 80); do half_open_is_gone && break; sleep 1; done
    nothing_left
fi
