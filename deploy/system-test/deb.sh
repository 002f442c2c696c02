#!/bin/sh
# Boots real systemd without a network and proves the Debian package there: make deb-test (root, Debian, minutes)
#
# All that make system-test asks of an installation, asked of the package's; and installing, upgrading, removing, purging.
set -eu
cd "$(dirname "$0")/../.."
SCRIPT=inside_deb.py
BOOT_S=${BOOT_S:-1500}
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
