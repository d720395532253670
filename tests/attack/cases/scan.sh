# nmap rates the prediction of sequence numbers, and a scan of every port and every combination of flags, to an open port
# and a closed one, leaves nothing behind (RFC 6528; RFC 9293 3.10.7.1, 3.10.7.2).
serve --msl 100ms
[ -n "$SHORT" ] && ports=1-200 each=2 || ports=1-65535 each=200
nmap -n -Pn -O -v -p 80,81 --max-os-tries 1 10.77.0.2 >os.log 2>&1 || { cat os.log; exit 1; }
grep -q 'TCP Sequence Prediction: Difficulty=2[56][0-9] (Good luck!)' os.log || { cat os.log; exit 1; }
echo "=nmap: $(grep 'TCP Sequence Prediction' os.log); $(grep 'IP ID Sequence' os.log)"
for kind in -sS -sT -sA -sF -sX -sN -sM; do
    nmap -n -Pn $kind -T4 --max-retries 1 -p $ports 10.77.0.2 >scan.log 2>&1 || { cat scan.log; exit 1; }
    [ -z "$SHORT" ] || [ $kind != -sT ] || break
done
letters=(F S R P A U X Y)
scanners=()
wait_for_scanners() {
    [ ${#scanners[@]} = 0 ] || wait "${scanners[@]}" || true # status 1: nobody answered
    scanners=()
}
for combination in $(seq 0 255); do
    flags=()
    for bit in 0 1 2 3 4 5 6 7; do
        [ $((combination >> bit & 1)) = 0 ] || flags+=("-${letters[$bit]}")
    done
    [ -z "$SHORT" ] || [ $combination -lt 64 ] || continue
    for port in 80 81; do
        hping3 -q -n -c $each -i u100 -p $port "${flags[@]}" 10.77.0.2 >/dev/null 2>&1 &
        scanners+=($!)
    done
    [ $((combination % 16)) != 15 ] || wait_for_scanners
done
wait_for_scanners
curl -sS --fail -o got http://10.77.0.2/small
same got "$WWW/small"
nothing_left
