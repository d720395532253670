# listen and the kernel's nc send to each other at once; each closes its direction, and both have everything.
in=$WWW/$big
start listen sh -c "exec '$HANDFAST' listen -N $(printf "'%s' " "${options[@]}") 9 <'$in'"
listen_pid=$pid
until_true has_addresses
nc -N $engine 9 <"$in" >got
wait $listen_pid
same got "$in"
same listen.out "$in"
