# The ACK of the kernel's FIN is lost: connect, which closed first, is still there when the FIN comes again.
start nc nc -l -$FAMILY 9
nc_pid=$pid
until_true is_listening 9
"$HANDFAST" connect -N --ladder "${options[@]}" --fault 'out lose last ACK' $kernel 9 <"$WWW/megabyte" 2>said
cat said
wait $nc_pid
same nc.out "$WWW/megabyte"
