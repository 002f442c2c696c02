#!/bin/sh
# Makes build/bench-venv, where the peers live so that the product's own dependencies stay few; again only when
# bench/requirements.txt changed. About 1.2 GB with torch, which silero-vad's own Python needs.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
id=$( (cat bench/requirements.txt; "$PYTHON" -V) | sha256sum | cut -d' ' -f1)
[ "$(cat build/bench-venv/.made 2>/dev/null || true)" != "$id" ] || exit 0
echo "==> installing the peers into build/bench-venv (about 1.2 GB the first time)" >&2
[ -x build/bench-venv/bin/python ] || "$PYTHON" -m venv build/bench-venv
grep -v -- '--no-deps' bench/requirements.txt > build/bench-venv/with-deps.txt
build/bench-venv/bin/pip install --quiet --disable-pip-version-check --requirement build/bench-venv/with-deps.txt
sed -n 's/ *# --no-deps.*//p' bench/requirements.txt |
    xargs build/bench-venv/bin/pip install --quiet --disable-pip-version-check --no-deps
# PortAudio's ring is linked from Debian's own static library, without installing it.
if command -v apt-get >/dev/null && ! ls build/bench-venv/portaudio/usr/lib/*/libportaudio.a >/dev/null 2>&1; then
    folder=$(mktemp -d)
    (cd "$folder" && apt-get download -qq portaudio19-dev >/dev/null 2>&1 && dpkg -x ./*.deb portaudio) &&
        rm -rf build/bench-venv/portaudio && mv "$folder/portaudio" build/bench-venv/portaudio ||
        echo "==> no portaudio19-dev: its ring is left out" >&2
    rm -rf "$folder"
fi
printf '%s\n' "$id" > build/bench-venv/.made
