#!/bin/sh
# Installs a build into a folder of its own, moves it, and uses it as a user would: by pkg-config and by find_package.
#
#     tests/install/run.sh BUILD
set -eu
build=$(realpath "$1")
source=$(realpath "$(dirname "$0")/../..")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
    echo "install: $*" >&2
    exit 1
}

# Packed under DESTDIR, then moved: nothing installed may remember where it was.
DESTDIR=$work/packed cmake --install "$build" --prefix /opt/handfast >"$work/log" || fail "$(cat "$work/log")"
mv "$work/packed/opt/handfast" "$work/moved"
prefix=$work/moved
library=$(dirname "$(find "$prefix" -name libhandfast.so)")
for file in lib*/libhandfast.a lib*/libhandfast.so.0 include/handfast/handfast.h; do
    ls "$prefix"/$file >/dev/null || fail "$file is not there"
done
for page in "$source"/man/*.1; do
    [ ! -e "$page" ] || [ -e "$prefix/share/man/man1/$(basename "$page")" ] || fail "the page $page is not there"
done

# The shared library shows the calls of the public headers and nothing else.
others=$(nm -D --defined-only "$library/libhandfast.so" | awk '$2 != "A" && $3 !~ /^hf_/ {print $3}')
[ -z "$others" ] || fail "libhandfast.so also shows: $others"
inner=$(nm -D --defined-only "$library/libhandfast.so" | awk '$2 != "A" {sub(/@.*/, "", $3); print $3}' |
    while read -r name; do grep -qw "$name" "$prefix"/include/handfast/*.h || echo "$name"; done)
[ -z "$inner" ] || fail "libhandfast.so shows what no header declares: $inner"

# Every header may be the first.
for header in "$prefix"/include/handfast/*.h; do
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x c "$header" || fail "$header does not stand alone"
done

# pkg-config
export PKG_CONFIG_PATH="$library/pkgconfig"
cc -std=c11 "$source/examples/echo.c" -o "$work/echo" $(pkg-config --cflags --libs handfast-drivers)
cc -std=c11 "$source/examples/embed.c" -o "$work/embed" $(pkg-config --cflags --libs handfast)
LD_LIBRARY_PATH=$library "$work/embed" >"$work/by-pkg-config"

# find_package
cmake -S "$source/tests/install" -B "$work/user" -DCMAKE_PREFIX_PATH="$prefix" -DEXAMPLES="$source/examples" >"$work/log" &&
    cmake --build "$work/user" >>"$work/log" || fail "$(cat "$work/log")"
"$work/user/embed" >"$work/by-find-package"
"$work/user/embed_shared" >"$work/by-shared"

cmp "$work/by-pkg-config" "$work/by-find-package"
cmp "$work/by-shared" "$work/by-find-package"
tail -n 1 "$work/by-shared" | grep -q 'CLOSED *CLOSED' || fail "embed does not end with both sides closed"
cat "$work/by-shared"
