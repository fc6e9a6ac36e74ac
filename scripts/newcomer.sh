#!/usr/bin/env bash
# A newcomer's way, by the clock: from `git clone` to the demo's review, with an empty home and so with no cache.
# Most of it is the package registry's time. What isn't committed has no part in it.
set -euo pipefail
# Each job in a group of its own, so that all of the demo can be ended.
set -m
source=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)

clean_up() {
  if [ -n "${demo:-}" ]; then
    kill -TERM -- "-$demo" 2>/dev/null || true
    wait "$demo" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap clean_up EXIT

# All that this machine needs to reach its package index, and nothing else of its environment.
kept=("PATH=$PATH" "HOME=$work/home")
for name in PIP_INDEX_URL UV_DEFAULT_INDEX SSL_CERT_FILE HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  [ -z "${!name:-}" ] || kept+=("$name=${!name}")
done
mkdir "$work/home"

before=$(date +%s%3N)
since() { echo "$(($(date +%s%3N) - before)) ms: $1"; }
git clone --quiet "file://$source" "$work/postil"
since "cloned"
env -i "${kept[@]}" make --directory "$work/postil" demo >"$work/log" 2>&1 &
demo=$!
until grep -q "See it as a reviewer would" "$work/log"; do
  kill -0 "$demo" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
  sleep 0.1
done
since "the review is there, and a page to look at it"
