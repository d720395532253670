# tshark validates every checksum: what the TUN carries without offload, and what --pcap writes with it.
check() { # FILE
    tshark -n -r "$1" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE \
        -Y '_ws.malformed || tcp.checksum.status == "Bad" || ip.checksum.status == "Bad"' \
        >bad 2>said
    [ ! -s bad ] || { head -n 5 bad; exit 1; }
    ! grep -iv 'running as user' said | grep -q . || { cat said; exit 1; }
    [ "$(tshark -n -r "$1" -Y tcp 2>/dev/null | wc -l)" -gt 100 ] || { echo "$1 holds too little"; exit 1; }
}
serve --no-offload
start tcpdump tcpdump -i hf0 -B 65536 --immediate-mode -Z root -w wire.pcap
dump_pid=$pid
until_true grep -q listening tcpdump.log
curl -sS --fail -o whole "$url/megabyte"
same whole "$WWW/megabyte"
curl -sS -T "$WWW/small" "$url/none" -o /dev/null || true
until_true kernel_is_quiet
finish $dump_pid
finish $serve_pid
check wire.pcap
serve --pcap tee.pcapng
curl -sS --fail -o whole "$url/megabyte"
same whole "$WWW/megabyte"
until_true kernel_is_quiet
finish $serve_pid
serve_pid=
check tee.pcapng
