#!/usr/bin/env bash
# Installs the ClickHouse engine that the test front opens, and prints the path of its library.
#
# usage: install.sh [REPOSITORY_ROOT]
#
# The package goes to target/chdb of the repository, or to the folder that BT_CHDB_DIR names. It is
# about 180 MB to download and 570 MB on disk. Running this again does nothing but print the path.
# Only the path goes to standard output; everything else goes to standard error.
set -euo pipefail

say() { printf 'install.sh: %s\n' "$*" >&2; }

self="${BASH_SOURCE[0]}"
case "$self" in */*) ;; *) self="./$self" ;; esac
here="$(cd "${self%/*}" && pwd)"
case "$here" in
    */tests/chfront) root_default="$(cd "$here/../.." && pwd)" ;;
    *) root_default="$here" ;;
esac
root="${1:-$root_default}"
dir="${BT_CHDB_DIR:-$root/target/chdb}"
# The stamp is written last, so an interrupted run is done over.
stamp="$dir/installed-lock.json"

mkdir -p "$dir"
dir="$(cd "$dir" && pwd)"
lib="$dir/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"

same() { [[ -f "$2" && "$(<"$1")" == "$(<"$2")" ]]; }

if [[ -f "$lib" ]] && same "$here/package-lock.json" "$stamp"; then
    printf '%s\n' "$lib"
    exit 0
fi

if [[ "${OSTYPE:-}" != linux-gnu* || "${HOSTTYPE:-}" != x86_64 ]]; then
    say "the engine is pinned for Linux with glibc on x86_64, not ${OSTYPE:-?} on ${HOSTTYPE:-?}"
    exit 1
fi
if ! command -v npm >/dev/null; then
    say "npm is missing; the engine comes as an npm package, so install Node.js with npm first"
    exit 1
fi

printf '%s' "$(<"$here/package.json")" >"$dir/package.json"
printf '%s' "$(<"$here/package-lock.json")" >"$dir/package-lock.json"

# No package script runs: the package is one file to open.
if ! (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund >&2); then
    say "npm could not install the engine into $dir; its message is above"
    exit 1
fi
if [[ ! -f "$lib" ]]; then
    say "the package holds no library at $lib"
    exit 1
fi
printf '%s\n' "$(<"$here/package-lock.json")" >"$stamp"
printf '%s\n' "$lib"
