# connect downloads from the kernel's nginx.
cat >nginx.conf <<CONF
daemon off; master_process off; pid $DIR/nginx.pid; error_log $DIR/error.log;
events { worker_connections 64; }
http {
    access_log off; client_body_temp_path $DIR/t1; proxy_temp_path $DIR/t2; fastcgi_temp_path $DIR/t3;
    uwsgi_temp_path $DIR/t4; scgi_temp_path $DIR/t5; sendfile on;
    server { listen 80; listen [::]:80; root $WWW; }
}
CONF
start nginx nginx -p "$DIR" -c "$DIR/nginx.conf"
nginx_pid=$pid
until_true is_listening 80
printf 'GET /%s HTTP/1.0\r\n\r\n' $big | "$HANDFAST" connect "${options[@]}" $kernel 80 >answer
python3 - answer <<'PY' >body
import shutil, sys
with open(sys.argv[1], "rb") as answer:
    while answer.readline() not in (b"\r\n", b""):
        pass
    shutil.copyfileobj(answer, sys.stdout.buffer, 1 << 20)
PY
same body "$WWW/$big"
kill -QUIT $nginx_pid
wait $nginx_pid || true
