#!/bin/sh
# Boots real systemd without any network and proves the bundle there: make bundle-test (root, Debian, minutes)
#
# Three bundles of this checkout for Debian's own Python: one, another, and one whose voice says nothing. Beside them a
# changed one. Everything is below build/system-test. PY=3.13: on the Debian that has it. PY=3.10|3.12, which none has:
# installed below a folder of this machine without a network, and asked a question. ARCH=arm64: bundle and container are
# arm64's, every program in it emulated, and the checks are a few.
set -eu
cd "$(dirname "$0")/../.."
SCRIPT=inside_bundle.py
ARCH=${ARCH:-amd64}
mode=bundle
[ "$ARCH" = amd64 ] || mode=bundle-emulated
[ "$ARCH" = amd64 ] && BOOT_S=${BOOT_S:-1200} || BOOT_S=${BOOT_S:-7200}
. deploy/system-test/container.sh
case $ARCH-${PY:-} in amd64-3.10 | amd64-3.12)
    bundle=$(.venv/bin/python deploy/bundle/make_bundle.py --py "$PY")
    exec .venv/bin/python deploy/system-test/tryout.py "$bundle"
    ;;
esac
requirements
[ "$ARCH-$suite" != arm64-trixie ] || skip "the emulated container that is booted is bookworm's (PY=3.11)"
mkdir -p "$WORK"

sysroot
base_system
first=$(.venv/bin/python deploy/bundle/make_bundle.py --unless-current --arch "$ARCH" --py "$base")
say "made $first ($(du -m "$first" | cut -f1) MiB)"
.venv/bin/python deploy/system-test/variants.py "$ARCH" "$base" "$ROOT/bundles"
boot $mode --private-network
[ "$ARCH" = amd64 ] || { say "all of it holds"; exit 0; }
say "cutting the power under an update"
.venv/bin/python deploy/system-test/updatecut.py "$WORK/updatecut" 20 1 || [ $? -eq 77 ]
say "all of it holds"
