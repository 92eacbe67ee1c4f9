#!/usr/bin/env bash
# Chromium and an Arabic font, for the browser tests and the screenshots of the documentation (Debian, Ubuntu).
set -euo pipefail

missing=()
command -v chromium >/dev/null || missing+=(chromium)
[[ -d /usr/share/fonts/truetype/noto ]] || missing+=(fonts-noto-core)
if ((${#missing[@]} == 0)); then
  exit 0
fi
if ! command -v apt-get >/dev/null; then
  echo "browser_packages.sh: install ${missing[*]} with this system's package manager" >&2
  exit 2
fi
root=""
[[ $(id -u) == 0 ]] || root=sudo
$root apt-get update -qq
$root apt-get install -y -qq --no-install-recommends "${missing[@]}"
