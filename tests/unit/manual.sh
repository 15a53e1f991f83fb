#!/usr/bin/env bash
# The manual pages are pages (where scdoc is installed), and trestled(8) has every option that the program says it has.
set -euo pipefail
cd "$(dirname "$0")/../.."
faults=0
checked=0

fault() {
    echo "$1" >&2
    faults=$((faults + 1))
}

for page in docs/*.scd; do
    head -n 1 "$page" | grep -q "^$(basename "$page" .scd | sed 's/\(.*\)\.\(.\)/\1(\2)/')" || fault "$page: its first line names another page"
    if command -v scdoc >/dev/null; then
        scdoc <"$page" >/dev/null || fault "$page: scdoc can't read it"
    fi
    checked=$((checked + 1))
done

if [[ -x ${BUILD:-build}/trestled ]]; then
    while read -r option; do
        grep -q -- "\*$option\*" docs/trestled.8.scd || fault "docs/trestled.8.scd: $option is missing"
        checked=$((checked + 1))
    done < <("${BUILD:-build}/trestled" --help | grep -oE -- '(^| )--?[a-z][a-z-]*' | tr -d ' ' | sort -u)
fi

# What the programs read from the environment, but for what only tests and systemd set.
while read -r name; do
    grep -q "${name/_/\\\\_}" docs/trestled.8.scd docs/trestle.1.scd || fault "the environment's $name is in no manual page"
    checked=$((checked + 1))
done < <(grep -rhoE 'getenv\("TRESTLE_[A-Z_]+' src | grep -oE 'TRESTLE_[A-Z_]+' | grep -v TRESTLE_CRASH | sort -u)

((faults == 0)) || exit 1
echo "$checked passed, 0 failed"
