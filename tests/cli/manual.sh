#!/bin/sh
# The pages of the manual are true to --help: each option of one stands in the other, and mandoc finds nothing to complain
# about.  usage: manual.sh HANDFAST DIRECTORY_OF_PAGES
set -u
handfast=$1
pages=$2
failed=0

fail() {
    echo "FAILED: $1"
    failed=1
}

# Long options in --help, one a line; prose may name an option of another verb, so only the left column counts.
options_of_help() {
    "$handfast" "$1" --help | grep -oE '^  (-[A-Za-z0-9], )?--[a-z][a-z0-9-]*' | grep -oE '\-\-[a-z][a-z0-9-]*' | sort -u
}

options_of_page() {
    grep -E '^\.It Fl' "$1" | grep -oE ' -[a-z][a-z0-9-]*' | sed 's/ -/--/' | sort -u
}

for verb in serve listen connect demo ss sim; do
    page=$pages/handfast-$verb.1
    [ -f "$page" ] || { fail "no page for $verb"; continue; }
    # Options that every verb with an engine takes are described once, in handfast(1).
    shared=$pages/handfast.1
    [ $verb != ss ] && [ $verb != sim ] || shared=/dev/null
    all=$( { options_of_page "$page"; options_of_page "$shared"; } | sort -u)
    for option in $(options_of_help $verb); do
        echo "$all" | grep -qxF -e "$option" || fail "handfast-$verb(1) does not tell of $option"
    done
    for option in $all; do
        "$handfast" "$verb" --help | grep -qF -e "$option" || fail "handfast $verb has no $option, but its page does"
    done
done

if command -v mandoc >/dev/null; then
    for page in "$pages"/handfast.1 "$pages"/handfast-*.1; do
        mandoc -T lint -W warning "$page" || fail "mandoc complains about $page"
    done
fi

exit $failed
