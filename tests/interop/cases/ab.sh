# ab: many short connections at once, each closed, and then the same over connections kept open.
count=5000
[ -z "$SHORT$FAULT" ] || count=300
serve
for mode in "" -k; do
    ab -q $mode -s 60 -n $count -c 20 "$url/small" >ab.out
    grep -q "^Complete requests: *$count\$" ab.out && grep -q '^Failed requests: *0$' ab.out || { cat ab.out; exit 1; }
done
