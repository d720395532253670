# The same with socat, which closes its direction when its input ends and goes on reading.
in=$WWW/$big
start listen sh -c "exec '$HANDFAST' listen -N $(printf "'%s' " "${options[@]}") 9 <'$in'"
listen_pid=$pid
until_true has_addresses
[ $FAMILY = 4 ] && to=TCP4:$engine:9 || to="TCP6:[$engine]:9"
socat -t 600 - "$to" <"$in" >got
wait $listen_pid
same got "$in"
same listen.out "$in"
