# wget fetches a file, and goes on where it stopped.
serve
wget -q -O whole "$url/$big"
same whole "$WWW/$big"
head -c 500000 "$WWW/megabyte" >megabyte
wget -q -c "$url/megabyte"
same megabyte "$WWW/megabyte"
