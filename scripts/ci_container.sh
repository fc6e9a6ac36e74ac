#!/usr/bin/env bash
# Builds the container for real and starts it as compose.yaml says: with a read-only root, no capabilities, no new
# privileges, and not as root. So confined, it must open the set-up, analyse behind its fences, be ready with
# credentials, stop in order, and stop at once, naming every wrong setting, when the settings are wrong.
# Uses buildah and crun where a base image can be made, else Docker; where neither is to be had, it says so and leaves it
# at that.
set -euo pipefail
cd "$(dirname "$0")/.."

base=$(sed -n 's/^FROM \([^ ]*\) AS build$/\1/p' Dockerfile)
version=$(sed -n 's/.*python:\([0-9]*\.[0-9]*\).*/\1/p' <<<"$base")
image=localhost/postil-ci
port=${POSTIL_CI_PORT:-18417}
work=$(mktemp -d)
names=()

clean_up() {
  for name in "${names[@]}"; do stop "$name" KILL >/dev/null 2>&1 || true; done
  wait
  [ -z "${container:-}" ] || buildah rm "$container" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT

skip() { echo "container: skipped, $1"; exit 0; }
fail() { echo "container: $1" >&2; exit 1; }
confined() { "$(command -v uv || echo .uv/bin/uv)" run --frozen --quiet python scripts/confined.py "$@"; }

# What this machine needs to reach its package index: handed to the build stage only.
build_args=()
for name in PIP_INDEX_URL UV_DEFAULT_INDEX SSL_CERT_FILE HTTP_PROXY HTTPS_PROXY NO_PROXY; do
  [ -z "${!name:-}" ] || build_args+=(--build-arg "$name=${!name}")
done

python_prefix() {
  local found
  found=$(find "${PYENV_ROOT:-$HOME/.pyenv}/versions" -maxdepth 1 -name "$version.*" 2>/dev/null | sort -V | tail -1)
  if [ -n "$found" ]; then echo "$found"; return; fi
  found=$(UV_PYTHON_DOWNLOADS=never uv python find "$version" 2>/dev/null) || return 1
  "$found" -c 'import sys; print(sys.base_prefix)'
}

# Each way has the same four: `start NAME [SETTING=VALUE …]` runs it until it ends, `process NAME` is its process id,
# `inside NAME COMMAND …` runs a command beside it under the same confinement, `stop NAME SIGNAL` sends it a signal.
maker=../shared/tools/container-base
if [ -x "$maker" ] && [ "$(id -u)" = 0 ] && prefix=$(python_prefix); then
  export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
  "$maker" "$base" "$prefix"
  # buildah itself takes no account of most of these settings when it runs something.
  command -v crun >/dev/null || { apt-get update -qq && apt-get install -y -qq crun >/dev/null; }
  [ ! -e /etc/pip.conf ] || build_args+=(--volume /etc/pip.conf:/etc/pip.conf:ro)
  [ ! -d /etc/ssl/certs ] || build_args+=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
  buildah bud --network host --layers=false --format docker "${build_args[@]}" -t "$image" . >"$work/build" 2>&1 ||
    { cat "$work/build" >&2; fail "it can't be built"; }
  container=$(buildah from "$image")
  root=$(buildah mount "$container")
  buildah inspect --type image "$image" >"$work/image"
  user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' "$image")
  install -d -o "${user%:*}" -g "${user#*:}" -m 0700 "$work/data"
  # crun gives up where control groups of both versions are mounted, although it is to use none.
  runtime() {
    unshare --mount --propagation private sh -c \
      'mount -t tmpfs none /sys/fs/cgroup 2>/dev/null; exec crun --cgroup-manager=disabled "$@"' crun "$@"
  }
  start() {
    mkdir "$work/$1"
    confined oci "$root" "$work/data" "$work/image" "${@:2}" >"$work/$1/config.json"
    runtime run --bundle "$work/$1" --pid-file "$work/$1/pid" "postil-ci-$$-$1"
  }
  process() { cat "$work/$1/pid"; }
  inside() { runtime exec --user "$user" --no-new-privs --cwd /data "postil-ci-$$-$1" "${@:2}"; }
  stop() { kill -"$2" "$(process "$1")"; }
elif docker info >/dev/null 2>&1; then
  docker build --network host "${build_args[@]}" -t "$image" . >"$work/build" 2>&1 ||
    { cat "$work/build" >&2; fail "it can't be built"; }
  user=$(docker image inspect --format '{{.Config.User}}' "$image")
  start() {
    local arguments
    mapfile -t arguments < <(confined docker "${@:2}")
    docker run --rm --name "postil-ci-$$-$1" --network host --user "$user" "${arguments[@]}" "$image"
  }
  process() { docker inspect --format '{{.State.Pid}}' "postil-ci-$$-$1"; }
  inside() { docker exec "postil-ci-$$-$1" "${@:2}"; }
  stop() { docker kill --signal "$2" "postil-ci-$$-$1" >/dev/null; }
else
  skip "no Docker engine runs here, and no base image can be made without root, Python $version and the tool for it"
fi
echo "container: built from $base"

# `begin NAME [SETTING=VALUE …]`: starts one in the background, which logs to a file of that name.
begin() {
  names+=("$1")
  start "$@" >"$work/$1.log" 2>&1 &
  started=$!
}
broken() { cat "$work/${names[-1]}.log" >&2; fail "$1"; }
ended() { ! kill -0 "$started" 2>/dev/null; }
# `await STATUS URL`: asks until this is the answer's status, for two minutes at most.
await() {
  local status
  for _ in $(seq 600); do
    status=$(curl --silent --location --cookie-jar "$work/cookies" --output "$work/answer" --write-out '%{http_code}' \
      --max-time 5 "$2" || true)
    [ "$status" != "$1" ] || return 0
    ! ended || broken "it ended instead of answering"
    sleep 0.2
  done
  broken "$2 answers $status"
}
await_end() {
  for _ in $(seq 600); do
    ! ended || return 0
    sleep 0.1
  done
  broken "$1"
}

address=127.0.0.1:$port
before=$(date +%s%3N)
begin set-up "POSTIL_LISTEN=$address"
await 200 "http://$address/health"
link=$(sed -n 's/.*"url": "\([^"]*\)".*"event": "set_up_here".*/\1/p' "$work/set-up.log")
[ -n "$link" ] || broken "the log has no link to the set-up"
await 200 "$link"
echo "container: from its start to the set-up page in the browser: $(($(date +%s%3N) - before)) ms," \
  "of which $(ps -o times= -p "$(process set-up)" | tr -d ' ') s are its processor's time"

is_confined() {
  for line in "Uid: ${user%:*}" "CapInh: 0" "CapPrm: 0" "CapEff: 0" "CapBnd: 0" "CapAmb: 0" "NoNewPrivs: 1"; do
    grep -Eq "^${line%: *}:[[:space:]]+0*${line#*: }([[:space:]]|\$)" <<<"$1" || fail "it isn't so: $line"
  done
}
[ "${user%:*}" != 0 ] || fail "it runs as root"
is_confined "$(cat "/proc/$(process set-up)/status")"
is_confined "$(inside set-up cat /proc/self/status)"
echo "container: it runs as user $user, without capabilities and without new privileges"

for folder in / /app /etc /usr/local; do
  ! inside set-up touch "$folder/written" 2>/dev/null || fail "$folder can be written to"
done
for folder in /data /tmp; do
  inside set-up touch "$folder/written" || fail "$folder can't be written to"
done
echo "container: its root is read-only; /data and /tmp are not"

inside set-up sh -c 'mkdir /tmp/sample && printf "try:\n    charge()\nexcept:\n    pass\n" >/tmp/sample/shop.py &&
  postil check --format json /tmp/sample' >"$work/found" || true
grep -q '"silent-broad-except"' "$work/found" || { cat "$work/found" >&2; fail "it doesn't analyse"; }
fences=$(inside set-up python -c "
import asyncio, json
from postil.sandbox import Analyst

async def main():
    async with Analyst() as analyst:
        print(json.dumps({'event': 'fence'} | await analyst.fences()))

asyncio.run(main())")
for what in network files processes; do
  grep -q "\"$what\": \"[a-z]" <<<"$fences" || fail "nothing fences the analysis from: $what: $fences"
done
echo "container: it analyses behind these fences: $fences"
stop set-up TERM
await_end "it doesn't stop"

openssl genrsa -out "$work/app.pem" 2048 2>/dev/null
settings=(
  POSTIL_GITHUB_APP_ID=12345
  POSTIL_GITHUB_WEBHOOK_SECRET=a-secret-for-this-run-only
  POSTIL_PUBLIC_URL=https://postil.example.com
  "POSTIL_LISTEN=$address"
)
begin service "${settings[@]}" "POSTIL_GITHUB_PRIVATE_KEY=$(awk '{printf "%s\\n", $0}' "$work/app.pem")"
await 200 "http://$address/health"
echo "container: /health answers 200: $(cat "$work/answer")"
await 200 "http://$address/ready"
echo "container: /ready answers 200: $(cat "$work/answer")"
stop service TERM
await_end "it doesn't stop"
grep -q '"event": "stopped"' "$work/service.log" || broken "it doesn't stop in order on SIGTERM"
echo "container: on SIGTERM it stops in order"

begin wrong "${settings[@]}" POSTIL_GITHUB_PRIVATE_KEY=wrong POSTIL_ROLE=wrong
await_end "it doesn't stop with a wrong private key"
! wait "$started" || fail "it ends without an error in spite of a wrong private key"
for name in POSTIL_GITHUB_PRIVATE_KEY POSTIL_ROLE; do
  grep -q "^ *$name " "$work/wrong.log" || broken "it doesn't say that $name is wrong"
done
grep -q "Generate a private key" "$work/wrong.log" || broken "it doesn't say how to cure the private key"
echo "container: with wrong settings it stops at once and says:"
cat "$work/wrong.log"
