#!/usr/bin/env bash
# docs/ARCHITECTURE.md has a table of folders and what each may include. This holds the code to it: the table is read from the page, so
# that page and code cannot drift apart.
set -euo pipefail
cd "$(dirname "$0")/../.."

declare -A allowed libraries
while IFS='|' read -r _ folder _ own external _; do
    folder=${folder//[\` ]/}
    [[ $folder == src/* ]] || continue
    folder=${folder#src/}
    folder=${folder%/}
    allowed[$folder]=" $(tr -d ',`' <<<"$own") "
    libraries[$folder]=" $(tr -d ',`' <<<"$external") "
done <docs/ARCHITECTURE.md

# Which library a system header belongs to; everything else is libc's or the kernel's.
library_of() {
    case $1 in
    jansson.h) echo jansson ;;
    ev.h) echo libev ;;
    microhttpd.h) echo libmicrohttpd ;;
    netlink/*) echo libnl ;;
    libmnl/*) echo libmnl ;;
    esac
}

faults=0
fault() {
    echo "$1" >&2
    faults=$((faults + 1))
}

for path in src/*/; do
    folder=$(basename "$path")
    [[ -n ${allowed[$folder]:-} ]] || fault "src/$folder: is not in docs/ARCHITECTURE.md's table"
    while IFS=: read -r file line text; do
        if [[ $text =~ \"([a-z_0-9]+)/([a-z_0-9]+\.h)\" ]]; then
            target=${BASH_REMATCH[1]} header=${BASH_REMATCH[2]}
            [[ $target == "$folder" || ${allowed[$folder]:-} == *" all "* || ${allowed[$folder]:-} == *" $target "* ]] \
                || fault "$file:$line: src/$folder may not include src/$target"
            [[ $target == "$folder" || $header != *_internal.h ]] || fault "$file:$line: $header is src/$target's own"
        elif [[ $text =~ \<([a-z_0-9/-]+\.h)\> ]]; then
            library=$(library_of "${BASH_REMATCH[1]}")
            [[ -z $library || ${libraries[$folder]:-} == *" $library "* ]] || fault "$file:$line: src/$folder may not use $library"
        fi
    done < <(grep -nE '^#include' "$path"*.[ch])
done

((faults == 0)) || exit 1
echo "1 passed, 0 failed"
