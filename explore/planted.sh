#!/bin/bash
# Plants bugs that real stacks had, one at a time, in copies of the engine, and expects exploration to find each.
#
#     explore/planted.sh CC [STATES]
#
# Prints a line for each; exit status 1 when one could not be planted or was not found.
set -euo pipefail
cc=$1 states=${2:-100000}
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags=(-std=c11 -O1 -w -Iinclude)

object_of() { echo "$work/$(tr / - <<<"${1%.c}").o"; }

# Everything sound, once.
for file in src/*/*.c explore/*.c drivers/line.c drivers/look.c drivers/icmp_names.c; do
    echo "$file" -o "$(object_of "$file")"
done | xargs -P "$(nproc)" -n 3 "$cc" "${flags[@]}" -c

# plant NAME FILE SED-EXPRESSION START
plant() {
    local name=$1 file=$2 change=$3 start=$4
    sed "$change" "$file" >"$work/changed.c"
    if cmp -s "$file" "$work/changed.c"; then
        echo "NOT PLANTED  $name: $file no longer has the line"
        return 1
    fi
    "$cc" "${flags[@]}" -I"$(dirname "$file")" -c "$work/changed.c" -o "$work/planted.o"
    "$cc" -o "$work/explore" "$work/planted.o" $(ls "$work"/*-*.o | grep -v -x -F "$(object_of "$file")")
    if "$work/explore" --states "$states" --end-every 1 "$start" >"$work/log"; then
        echo "NOT FOUND    $name, in $(grep -o '[0-9]* states by' "$work/log")"
        return 1
    fi
    echo "found        $name: $(sed -n 's/^\/\/ explore //p' "$work/log" | head -1)," \
        "$(sed -n 's/^\/\/ \([0-9]* moves\)$/\1/p' "$work/log" | head -1)"
}

bad=0
plant 'FIN sent again without its flag in CLOSING' src/tcp/plan.c \
    's/plan->fin = plan->len == data_len \&\&/plan->fin = c->state != HF_CLOSING \&\& plan->len == data_len \&\&/' close || bad=1
plant 'a pure window update is not heard' src/tcp/acked.c \
    's/hf_seq_le(c->snd.wl2, seg->ack)/hf_seq_lt(c->snd.wl2, seg->ack)/' window || bad=1
plant 'an RST is believed anywhere in the window' src/tcp/synchronized.c \
    's/if (!hf_seq_eq(seg->seq, c->rcv.nxt)) { \/\* RFC 5961/if (false) { \/* RFC 5961/' forged || bad=1
plant 'a SYN in the window resets' src/tcp/synchronized.c \
    's/^    hf_challenge(sh, c); \/\* RFC 5961, 4.2.*/    hf_tcp_end(sh, c, HF_EDGE_RST, HF_ERR_RESET);/' forged || bad=1
plant 'an overlap is trimmed one byte short' src/tcp/received.c 's/seg->data + skipped}/seg->data + skipped - (skipped > 0)}/' \
    data || bad=1
plant 'a FIN is taken before the hole in front of it is filled' src/tcp/received.c \
    's/if (r != NULL \&\& r->fin != c->rcv_base)/if (false)/' data || bad=1
exit $bad
