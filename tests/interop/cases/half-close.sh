# The server answers only after the end of the input: connect -N ends its direction, and the answer arrives whole.
[ $FAMILY = 4 ] && at=TCP4-LISTEN:9 || at=TCP6-LISTEN:9
start socat socat -t 60 "$at,reuseaddr" "SYSTEM:sha256sum; cat '$WWW/megabyte'"
socat_pid=$pid
until_true is_listening 9
"$HANDFAST" connect -N "${options[@]}" $kernel 9 <"$WWW/megabyte" >answer
wait $socat_pid
{ sha256sum <"$WWW/megabyte"; cat "$WWW/megabyte"; } >wanted
same answer wanted
