#!/usr/bin/env bash
# A Label Studio server of your own: its own virtual environment, SQLite, reachable from this machine only.
#
#   scripts/label_studio.sh setup              install the server (about 1 GB, once)
#   scripts/label_studio.sh start              set up if needed, then run it in the foreground
#   scripts/label_studio.sh annotator E-MAIL   set the password of an annotator, who was added in the organisation page
#
# Settings, by environment:
#   LABEL_STUDIO_HOME   where data and credentials lie   (default: .label-studio in the repository)
#   LABEL_STUDIO_VENV   where the server is installed    (default: .label-studio/venv in the repository)
#   LABEL_STUDIO_PORT   port on 127.0.0.1                (default: 8080)
#   ML_BACKEND=1        let the server call an ML backend on this machine (opens its guard against local addresses)
#
# The first start makes an administrator with a random password and API token and writes both, with the address, to
# $LABEL_STUDIO_HOME/credentials (mode 600), which `python -m trainer annotations push` reads by itself.
set -euo pipefail
umask 077

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
home=${LABEL_STUDIO_HOME:-$root/.label-studio}
venv=${LABEL_STUDIO_VENV:-$root/.label-studio/venv}
port=${LABEL_STUDIO_PORT:-8080}
release=1.23.2
credentials=$home/credentials

fail() {
  echo "label_studio.sh: $1" >&2
  exit 2
}

setup() {
  if [[ -x $venv/bin/label-studio && -f $venv/.release && $(<"$venv/.release") == "$release" ]]; then
    return
  fi
  echo "Installing Label Studio $release in $venv (about a minute, 1 GB) …" >&2
  mkdir -p "$(dirname "$venv")"
  "${PYTHON:-python3}" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "label-studio==$release"
  echo "$release" >"$venv/.release"
}

# The token and its switch are applied only when the administrator is first created, so both must exist before.
write_credentials() {
  "$venv/bin/python" - "$credentials" <<'PYTHON'
import os, secrets, sys
path = sys.argv[1]
lines = (
    "LABEL_STUDIO_USERNAME=admin@example.com",
    f"LABEL_STUDIO_PASSWORD={secrets.token_urlsafe(18)}",
    f"LABEL_STUDIO_API_KEY={secrets.token_hex(20)}",
)
with open(path + ".new", "w") as stream:
    stream.write("\n".join(lines) + "\n")
os.replace(path + ".new", path)
PYTHON
}

# Django's server moves to the next port in silence when this one is taken.
refuse_busy_port() {
  if "$venv/bin/python" -c "import socket, sys; sys.exit(socket.socket().connect_ex(('127.0.0.1', $port)) != 0)"; then
    fail "port $port is in use: stop what listens there, or set LABEL_STUDIO_PORT"
  fi
}

environment() {
  export LABEL_STUDIO_BASE_DATA_DIR=$home/data
  export LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN=true LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK=true
  export LABEL_STUDIO_COLLECT_ANALYTICS=false LABEL_STUDIO_LATEST_VERSION_CHECK=false
  export LABEL_STUDIO_SENTRY_DSN="" LABEL_STUDIO_FRONTEND_SENTRY_DSN=""
  if [[ ${ML_BACKEND:-} == 1 ]]; then # either alone is not enough
    export LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false LABEL_STUDIO_ML_BLOCK_LOCAL_IP=false
  fi
}

start() {
  setup
  mkdir -p "$home/data"
  if [[ ! -f $credentials ]]; then
    if [[ -f $home/data/label_studio.sqlite3 ]]; then
      fail "$home/data holds a server whose credentials file is gone; restore $credentials, or move the data away"
    fi
    write_credentials
  fi
  refuse_busy_port
  sed -i '/^LABEL_STUDIO_URL=/d' "$credentials"
  echo "LABEL_STUDIO_URL=http://127.0.0.1:$port" >>"$credentials"
  environment
  unset LABEL_STUDIO_API_KEY LABEL_STUDIO_URL
  LABEL_STUDIO_USERNAME=$(sed -n 's/^LABEL_STUDIO_USERNAME=//p' "$credentials")
  LABEL_STUDIO_PASSWORD=$(sed -n 's/^LABEL_STUDIO_PASSWORD=//p' "$credentials")
  LABEL_STUDIO_USER_TOKEN=$(sed -n 's/^LABEL_STUDIO_API_KEY=//p' "$credentials")
  export LABEL_STUDIO_USERNAME LABEL_STUDIO_PASSWORD LABEL_STUDIO_USER_TOKEN
  echo "Label Studio: http://127.0.0.1:$port (first start takes half a minute; sign-in data in $credentials)" >&2
  exec "$venv/bin/label-studio" start --no-browser --internal-host 127.0.0.1 --port "$port" </dev/null
}

annotator() {
  [[ $# == 1 && -n $1 ]] || fail "annotator needs one e-mail address"
  environment
  read -r -s -p "Password for $1: " password
  exec "$venv/bin/label-studio" reset_password --username "$1" --password "$password" </dev/null
}

case ${1:-start} in
  setup) setup ;;
  start) start ;;
  annotator) shift && annotator "$@" ;;
  *) fail "unknown command ${1}: setup, start or annotator" ;;
esac
