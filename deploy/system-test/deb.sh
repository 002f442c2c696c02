#!/bin/sh
# Boots real systemd without a network and proves the Debian package there: make deb-test (root, Debian, minutes)
set -eu
cd "$(dirname "$0")/../.."
SCRIPT=inside_deb.py
. deploy/system-test/container.sh
requirements
mkdir -p "$WORK"
base_system
mkdir "$ROOT/debs"
for revision in 1 2; do
    deb=$(.venv/bin/python deploy/deb/make_deb.py --py "$base" --revision $revision)
    say "made $deb ($(du -m "$deb" | cut -f1) MiB)"
    cp "$deb" "$ROOT/debs/$revision.deb"
done
boot deb --private-network
say "all of it holds"
