#!/usr/bin/env bash
# Builds the container for real and starts it: it must answer /health as a user without rights, and stop at once, naming
# every wrong setting, when the settings are wrong. Uses buildah where a base image can be made, else Docker; where
# neither is to be had, it says so and leaves it at that.
set -euo pipefail
cd "$(dirname "$0")/.."

base=$(sed -n 's/^FROM \([^ ]*\) AS build$/\1/p' Dockerfile)
version=$(sed -n 's/.*python:\([0-9]*\.[0-9]*\).*/\1/p' <<<"$base")
image=localhost/postil-ci
port=${POSTIL_CI_PORT:-18417}
work=$(mktemp -d)
started=()

clean_up() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  [ -z "${container:-}" ] || buildah rm "$container" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap clean_up EXIT

skip() { echo "container: skipped, $1"; exit 0; }
fail() { echo "container: $1" >&2; exit 1; }

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

maker=../shared/tools/container-base
if [ -x "$maker" ] && [ "$(id -u)" = 0 ] && prefix=$(python_prefix); then
  export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
  "$maker" "$base" "$prefix"
  [ ! -e /etc/pip.conf ] || build_args+=(--volume /etc/pip.conf:/etc/pip.conf:ro)
  [ ! -d /etc/ssl/certs ] || build_args+=(--volume /etc/ssl/certs:/etc/ssl/certs:ro)
  buildah bud --network host --layers=false --format docker "${build_args[@]}" -t "$image" . >"$work/build" 2>&1 ||
    { cat "$work/build" >&2; fail "it can't be built"; }
  container=$(buildah from "$image")
  user=$(buildah inspect --type image --format '{{.OCIv1.Config.User}}' "$image")
  mapfile -t command < <(buildah inspect --type image \
    --format '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}{{range .OCIv1.Config.Cmd}}{{println .}}{{end}}' "$image")
  start() { exec buildah run --network host --user "$user" "$@" "$container" -- "${command[@]}"; }
  # buildah ends what it runs without asking, so the signal goes to the server, which logs its process id.
  stop() { kill -TERM "$(sed -n 's/.*Started server process \[\([0-9]*\)\].*/\1/p' "$work/log")"; }
  inside() { buildah run --network host --user "$user" "$container" -- "$@"; }
elif docker info >/dev/null 2>&1; then
  docker build "${build_args[@]}" -t "$image" . >"$work/build" 2>&1 ||
    { cat "$work/build" >&2; fail "it can't be built"; }
  user=$(docker image inspect --format '{{.Config.User}}' "$image")
  start() { exec docker run --rm --init --network host --read-only --tmpfs /tmp --cap-drop ALL "$@" "$image"; }
  stop() { kill -TERM "${started[0]}"; }
  inside() { docker run --rm --network host --entrypoint "$1" "$image" "${@:2}"; }
else
  skip "no Docker engine runs here, and no base image can be made without root, Python $version and the tool for it"
fi
echo "container: built from $base, runs as $user"
[ "$(inside id -u)" != 0 ] || fail "it runs as root"

openssl genrsa -out "$work/app.pem" 2048 2>/dev/null
key=$(awk '{printf "%s\\n", $0}' "$work/app.pem")
settings=(
  --env POSTIL_GITHUB_APP_ID=12345
  --env POSTIL_GITHUB_WEBHOOK_SECRET=a-secret-for-this-run-only
  --env POSTIL_PUBLIC_URL=https://postil.example.com
  --env "POSTIL_LISTEN=127.0.0.1:$port"
)

start "${settings[@]}" --env "POSTIL_GITHUB_PRIVATE_KEY=$key" >"$work/log" 2>&1 &
started+=($!)
for _ in $(seq 120); do
  status=$(curl --silent --output "$work/health" --write-out '%{http_code}' --max-time 2 \
    "http://127.0.0.1:$port/health" || true)
  [ "$status" != 200 ] || break
  kill -0 "${started[0]}" 2>/dev/null || { cat "$work/log" >&2; fail "it ended instead of answering"; }
  sleep 0.5
done
[ "$status" = 200 ] || { cat "$work/log" >&2; fail "/health answered $status"; }
echo "container: /health answers 200: $(cat "$work/health")"

stop
for _ in $(seq 60); do
  kill -0 "${started[0]}" 2>/dev/null || break
  sleep 0.5
done
grep -q '"event": "stopped"' "$work/log" || { cat "$work/log" >&2; fail "it doesn't stop in order on SIGTERM"; }
echo "container: on SIGTERM it stops in order"

start "${settings[@]}" --env POSTIL_GITHUB_PRIVATE_KEY=wrong --env POSTIL_ROLE=wrong >"$work/wrong" 2>&1 &
started+=($!)
for _ in $(seq 120); do
  kill -0 "${started[1]}" 2>/dev/null || break
  sleep 0.5
done
! kill -0 "${started[1]}" 2>/dev/null || fail "it doesn't stop with a wrong private key"
! wait "${started[1]}" || fail "it ends without an error in spite of a wrong private key"
for name in POSTIL_GITHUB_PRIVATE_KEY POSTIL_ROLE; do
  grep -q "^ *$name " "$work/wrong" || { cat "$work/wrong" >&2; fail "it doesn't say that $name is wrong"; }
done
grep -q "Generate a private key" "$work/wrong" || fail "it doesn't say how to cure the private key"
echo "container: with wrong settings it stops at once and says:"
cat "$work/wrong"
