# curl fetches a file whole, a part of it, and one after another over one connection.
serve
curl -sS --fail -o whole "$url/$big"
same whole "$WWW/$big"
curl -sS --fail -r 1000-70999 -o part "$url/$big"
tail -c +1001 "$WWW/$big" | head -c 70000 >wanted || true
same part wanted
curl -sS --fail -o one "$url/small" -o two "$url/megabyte" -o three "$url/small" -w '%{num_connects}\n' >connects
same two "$WWW/megabyte"
[ "$(tr -d '\n' <connects)" = 100 ] || { echo "keep-alive: connections opened: $(cat connects)"; exit 1; }
