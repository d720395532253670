#!/bin/sh
# Installs what is missing of tools/packages.txt. Quick when nothing is.
#
#     tools/setup.sh [PART]     only that part of the file; without it, all that `make test` needs
#
# As root, or where sudo asks no password, it installs. Otherwise it prints the one line to type, and exits 1. On a
# system without dpkg it says what is needed and lets the build find out.
set -eu
cd "$(dirname "$0")"
wanted=$(awk -v part="${1:-run test}" '
    /^\[/ {inside = index(" " part " ", " " substr($1, 2, length($1) - 2) " "); next}
    inside && /^[a-z0-9]/ {print $1}' packages.txt)

if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is not Debian; the build needs what these Debian packages bring:" $wanted
    exit 0
fi
installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $wanted 2>/dev/null | sed -n 's/^installed //p')
missing=
for package in $wanted; do
    case "
$installed
" in *"
$package
"*) ;; *) missing="$missing $package" ;; esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2>/dev/null; then
    as_root='sudo -n'
else
    echo "setup: packages are missing and this user may not install them. Type this, then try again:" >&2
    echo "    sudo apt-get update && sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "setup: installing$missing"
# Some packages bring a service. Tests start what they need; nothing else shall run because of them, now or after a boot.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    trap '$as_root rm -f $policy' EXIT
    trap 'exit 130' INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
    $as_root chmod +x $policy
fi
$as_root apt-get update -qq || echo "setup: the package lists could not be renewed; going on with the old ones" >&2
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing >/dev/null || {
    echo "setup: apt-get failed; its last words stand above. Type this to see more, then try again:" >&2
    echo "    sudo apt-get install --no-install-recommends$missing" >&2
    exit 1
}
for service in nginx:nginx redis-server:redis-server openssh-server:ssh; do
    case " $missing " in *" ${service%:*} "*) $as_root systemctl disable -q "${service#*:}" 2>/dev/null || true ;; esac
done
