#!/bin/sh
# The demo, in memory, shows both closes, the counts and the end of TIME-WAIT, and ends by itself.  usage: demo.sh HANDFAST
set -u
shown=$("$1" demo --memory --ascii --msl 1 "$(dirname "$0")") || { echo "FAILED: exit status $?"; exit 1; }
for part in 'The client closed first' 'The server closed first' 'SYN-SENT  +- S 0:0(0)' 'TIME-WAIT              1           1' \
    '2 MSL over' 'equal to the file'; do
    echo "$shown" | grep -qF -e "$part" || { echo "FAILED: no '$part' in"; echo "$shown"; exit 1; }
done
