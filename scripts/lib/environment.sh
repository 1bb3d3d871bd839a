# What all entries of scripts share: a Python, its environment, and Debian's programs.
# To be sourced by bash from a script that has `set -euo pipefail`.

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The Pythons that requirements/ has pins for, newest first: the oldest release of each that its
# Home Assistant runs on.
releases=(3.14.2 3.13.0)

# Debian keeps mosquitto where not everybody looks.
PATH=$PATH:/usr/sbin

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# python_version COMMAND: print 3.14 or 3.13 if it is a Python that we can use, else nothing.
# A command on PATH need not even start: pyenv has one for every version, active or not.
python_version() {
  "$1" -c '
import sqlite3, ssl, sys
for release in sys.argv[1:]:
    oldest = tuple(int(part) for part in release.split("."))
    if sys.version_info[:2] == oldest[:2] and sys.version_info >= oldest:
        print("%d.%d" % oldest[:2])
' "${releases[@]}" 2>/dev/null || true
}

# find_python: print the path of the Python to use; $PYTHON wins, else the newest that is there.
find_python() {
  local needed="One of these is needed, or a later release of the same: ${releases[*]}"
  if [[ -n ${PYTHON:-} ]]; then
    [[ -n $(python_version "$PYTHON") ]] || fail "PYTHON=$PYTHON does not do. $needed"
    command -v "$PYTHON"
    return
  fi
  local release candidate
  for release in "${releases[@]}"; do
    while IFS= read -r candidate; do
      if [[ $(python_version "$candidate") == "${release%.*}" ]]; then
        echo "$candidate"
        return
      fi
    done < <(candidates "${release%.*}")
  done
  fail "No suitable Python was found. $needed"
}

# candidates VERSION: print the commands that may be this Python, on PATH and among pyenv's.
candidates() {
  type -ap "python$1" python3 || true
  local pyenv=${PYENV_ROOT:-$(pyenv root 2>/dev/null || echo "$HOME/.pyenv")}
  compgen -G "$pyenv/versions/$1*/bin/python$1" | sort -rV || true
}

# enter_environment [KIND]: make .venv-VERSION, unless it has these very pins, and put it first on
# PATH. With a kind, that of requirements/VERSION-KIND.txt where there are such pins.
enter_environment() {
  local python version environment pins
  python=$(find_python)
  version=$(python_version "$python")
  pins=$project/requirements/$version${1:+-$1}.txt
  [[ -e $pins ]] || pins=$project/requirements/$version.txt
  environment=$project/.venv-$(basename "$pins" .txt)
  make_environment "$python" "$environment" "$pins"
  say "Python $version ($python) with Home Assistant" \
    "$(sed -n 's/^homeassistant==\([^ ]*\).*/\1/p' "$pins")"
  PATH=$environment/bin:$PATH
}

# make_environment PYTHON DIRECTORY PINS: make an environment, unless it has these very pins. All
# that is fetched, also what only builds the rest, must be what was pinned, byte by byte.
make_environment() {
  local python=$1 environment=$2 pins=$3 builds=$project/requirements/build.txt origin uv
  origin=$("$python" -c 'import sys; print(sys.version, sys.base_prefix)' && cat "$builds" "$pins")
  if [[ $(cat "$environment/origin" 2>/dev/null) != "$origin" ]]; then
    # netifaces, which python-miio needs, is published as source only.
    need_programs cc:build-essential
    uv=$(find_uv "$python")
    say "Installing ${pins#"$project"/}: the first time this takes a few minutes"
    rm -rf "$environment"
    "$uv" venv --quiet --python "$python" "$environment"
    "$uv" pip install --compile-bytecode --python "$environment/bin/python" \
      --require-build-hashes --preview-features build-dependency-hashes \
      --build-constraints "$builds" \
      --require-hashes --requirement "$pins" || fail "This was not installed: ${pins#"$project"/}"
    echo "$origin" >"$environment/origin"
  fi
}

# find_uv PYTHON: print the path of a uv that requires hashes of what builds the rest too; where there
# is none, pip fetches the one that is pinned, for this or any Python.
find_uv() {
  local environment=$project/.venv-uv candidate python
  while IFS= read -r candidate; do
    if requires_hashes "$candidate"; then
      echo "$candidate"
      return
    fi
  done < <(type -ap uv; echo "$environment/bin/uv")
  for python in "$1" python3; do
    say "Installing uv"
    if fetch_uv "$python" "$environment"; then
      echo "$environment/bin/uv"
      return
    fi
  done
  fail "Please install a newer uv: none was found, nor could pip fetch it."
}

# requires_hashes UV: fail if it is none, or too old.
requires_hashes() { "$1" pip install --require-build-hashes --help >/dev/null 2>&1; }

# fetch_uv PYTHON DIRECTORY: have pip make an environment of the uv that is pinned. It is not built:
# pip would not verify what builds it.
fetch_uv() {
  local pinned='/^uv==/,/[^\\]$/p'
  "$1" -m venv --clear "$2" >/dev/null 2>&1 &&
    "$2/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
      --require-hashes --requirement <(sed -n "$pinned" "$project/requirements/3.14.txt") >&2
}

# need_programs PROGRAM:PACKAGE...: install the Debian packages of the programs that are missing.
need_programs() {
  local pair packages=() as_root=()
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
  done
  [[ ${#packages[@]} -gt 0 ]] || return 0
  [[ $EUID -eq 0 ]] || as_root=(sudo -n)
  "${as_root[@]}" apt-get --version >/dev/null 2>&1 || fail "Please install: ${packages[*]}"
  say "Installing ${packages[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq --no-install-recommends "${packages[@]}"
}
