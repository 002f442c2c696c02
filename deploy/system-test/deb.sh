#!/bin/sh
# Boots real systemd without a network and proves the Debian package there: make deb-test (root, Debian, minutes)
#
# All that make system-test asks of an installation, asked of the package's; and installing, upgrading, removing, purging.
# ARCH=arm64: the package and the container are arm64's, every program in it emulated, and the checks are a few. With
# PY=3.13 that container is not booted: the package is installed and asked there, and no service runs.
set -eu
cd "$(dirname "$0")/../.."
SCRIPT=inside_deb.py
ARCH=${ARCH:-amd64}
mode=deb
[ "$ARCH" = amd64 ] || mode=deb-emulated
[ "$ARCH" = amd64 ] && BOOT_S=${BOOT_S:-1500} || BOOT_S=${BOOT_S:-5400}
. deploy/system-test/container.sh
requirements
mkdir -p "$WORK"
[ -n "${DEB:-}" ] || sysroot
base_system
if [ "$ARCH-$suite" = arm64-trixie ]; then
    deb=${DEB:-$(.venv/bin/python deploy/deb/make_deb.py --arch "$ARCH" --py "$base")}
    exec .venv/bin/python deploy/system-test/unbooted.py "$ROOT" "$deb"
fi
mkdir "$ROOT/debs"
for revision in 1 2; do
    if [ "$ARCH" != amd64 ] && [ $revision = 2 ]; then # the same once more: dpkg upgrades to it all the same
        ln "$ROOT/debs/1.deb" "$ROOT/debs/2.deb"
        break
    fi
    deb=${DEB:-} # one that is there; else one is made
    [ -n "$deb" ] || deb=$(.venv/bin/python deploy/deb/make_deb.py --arch "$ARCH" --py "$base" --revision $revision)
    say "$deb ($(du -m "$deb" | cut -f1) MiB)"
    cp "$deb" "$ROOT/debs/$revision.deb"
done
boot $mode --private-network
say "all of it holds"
