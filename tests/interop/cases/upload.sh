# connect sends a file to the kernel's nc.
start nc nc -l -$FAMILY 9
nc_pid=$pid
until_true is_listening 9
"$HANDFAST" connect -N "${options[@]}" "${company[@]}" $kernel 9 <"$WWW/$big"
wait $nc_pid
same nc.out "$WWW/$big"
