#!/bin/sh
# Sets up everything a clone needs: system packages, .venv, the compiled core, the weights.
# Idempotent: what is already right is left alone, and then nothing here needs a network.
#   scripts/setup.sh [--no-weights]
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
say() { printf '==> %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 69; }

command -v "$PYTHON" >/dev/null || die "no $PYTHON; Python 3.10 to 3.13 is needed"
"$PYTHON" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' ||
    die "$("$PYTHON" -V) is not supported; 3.10 to 3.13 are (PYTHON=/path/to/python3.11 make setup)"

# System packages: a C compiler, the headers of this Python and of alsa-lib, and ensurepip.
missing=
have_header() { printf '#include <%s>\n' "$1" | cc -E -xc ${2:+"$2"} - >/dev/null 2>&1; }
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
have_header alsa/asoundlib.h || missing="$missing libasound2-dev"
include=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
[ -f "$include/Python.h" ] || missing="$missing python3-dev"
"$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
# Only a test and audio.backend sounddevice want this one: it is taken along where it can be, never insisted on.
wished=
ldconfig -p 2>/dev/null | grep -q 'libportaudio\.so\.2' || wished=" libportaudio2"
if [ -n "$missing" ] || { [ -n "$wished" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }; then
    if [ "$(id -u)" = 0 ]; then sudo=; elif command -v sudo >/dev/null; then sudo=sudo; else sudo=none; fi
    if [ "$sudo" = none ] || ! command -v apt-get >/dev/null; then
        die "these system packages are missing:$missing"
    fi
    say "installing system packages:$missing$wished"
    $sudo apt-get update -qq || [ -z "$missing" ]
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing $wished >/dev/null ||
        [ -z "$missing" ]
fi

# .venv: made anew when the interpreter changed; packages when the pins did; the core when its sources did.
id=$("$PYTHON" -c 'import sys; print(sys.version, sys.prefix)')
if [ "$(cat .venv/.python 2>/dev/null || true)" != "$id" ]; then
    say "making .venv with $("$PYTHON" -V)"
    chosen=$(cat .venv/.whisper.json 2>/dev/null || true)
    rm -rf .venv
    "$PYTHON" -m venv .venv
    printf '%s\n' "$id" > .venv/.python
    [ -z "$chosen" ] || printf '%s\n' "$chosen" > .venv/.whisper.json
fi
stamp() { cat "$@" | sha256sum | cut -d' ' -f1; }
deps=$(stamp pyproject.toml constraints.txt)
if [ "$(cat .venv/.deps 2>/dev/null || true)" != "$deps" ]; then
    say "installing packages into .venv (about 150 MB the first time)"
    .venv/bin/python - > .venv/requirements.txt <<'PY'
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
print("\n".join(project["dependencies"] + project["optional-dependencies"]["dev"]))
PY
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
        --constraint constraints.txt --requirement .venv/requirements.txt
    printf '%s\n' "$deps" > .venv/.deps
    rm -f .venv/.core
fi
# 'rtva doctor' computes the same hash (doctor/checks_build.py): the order of the names must not hang on the locale.
core=$(export LC_ALL=C; stamp setup.py pyproject.toml models/manifest.toml ext/*.pyx ext/*.pxd ext/*.h)
if [ "$(cat .venv/.core 2>/dev/null || true)" != "$core" ]; then
    say "building the compiled core"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
    cp models/manifest.toml firmware_py/manifest.toml
    printf '%s\n' "$core" > .venv/.core
fi
[ "${1:-}" = --no-weights ] || .venv/bin/rtva models fetch
[ ! -e .venv/.whisper.json ] || .venv/bin/python scripts/native.py ensure
