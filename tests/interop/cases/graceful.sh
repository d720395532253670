# With a megabyte queued, the end of input and close still deliver all of it, and no reset is seen.
start nc nc -l -$FAMILY -I 4096 9
nc_pid=$pid
until_true is_listening 9
"$HANDFAST" connect -N --trace "${options[@]}" $kernel 9 <"$WWW/megabyte" 2>said
tail -n 3 said
wait $nc_pid
same nc.out "$WWW/megabyte"
! grep '[<>] R' said
grep -qi graceful said
