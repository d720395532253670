# A port without a listener answers RST, both ways, and each side says that it was refused.
if "$HANDFAST" connect "${options[@]}" $kernel 4711 2>said; then echo "connected to nobody"; exit 1; fi
cat said
grep -qi refused said
serve
if nc -v -w 5 $engine 4711 2>nc.said; then echo "nc got something from nobody"; exit 1; fi
cat nc.said
grep -qi refused nc.said
"$HANDFAST" ss --reasons -p $serve_pid >reasons
grep RST_NO_CONNECTION reasons
