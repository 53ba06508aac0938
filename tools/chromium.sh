#!/usr/bin/env bash
# Finds the browser that the tests of the page use, and installs Debian's where there is none.
# CHROMIUM=/path/to/browser names another one (any Chromium or Chrome will do).
set -euo pipefail

for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome google-chrome-stable; do
  if [ -n "$name" ] && command -v "$name" >/dev/null; then exit 0; fi
done

if ! command -v apt-get >/dev/null; then
  echo "the tests need a Chromium or Chrome; install one, or name it: CHROMIUM=/path/to/browser make test" >&2
  exit 1
fi

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo"
echo "installing Chromium, in which the tests open the page ..."
$as_root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null
