#!/bin/sh
# Boots real systemd in a container, installs rtva into it and proves the service: make system-test
#
# Needs root, Debian, and systemd-nspawn and mmdebstrap, which it installs. Exits with 77 and one line that says why
# where it cannot run. Everything it makes is below build/system-test; the base system there is kept for the next time.
set -eu
cd "$(dirname "$0")/../.."
SCRIPT=inside.py
PY=
. deploy/system-test/container.sh
requirements

check_uninstalled() {
    for path in /opt/rtva /usr/lib/systemd/system/rtva.service /usr/lib/sysusers.d/rtva.conf /usr/local/bin/rtva \
        /usr/lib/tmpfiles.d/rtva.conf /usr/lib/udev/rules.d/60-rtva.rules; do
        [ ! -e "$ROOT$path" ] || { echo "FAIL uninstall left $path"; exit 1; }
    done
    [ -e "$ROOT/etc/rtva/config.yaml" ] && [ -e "$ROOT/var/lib/rtva/state.db" ] ||
        { echo "FAIL uninstall took configuration or state"; exit 1; }
    DESTDIR=$ROOT PURGE=yes deploy/install.sh uninstall >/dev/null
    [ ! -e "$ROOT/etc/rtva" ] && [ ! -e "$ROOT/var/lib/rtva" ] || { echo "FAIL purge left something"; exit 1; }
    echo "ok uninstall and purge"
}

mkdir -p "$WORK"
export PYTHON="/usr/bin/python$base"
if [ -n "${KEEP_ROOT:-}" ]; then  # while working on the test: only the first boot, of what lies there
    boot first
    exit 0
fi
base_system
DESTDIR=$ROOT deploy/install.sh install
boot first
say "upgrading"
DESTDIR=$ROOT deploy/install.sh install
boot second
DESTDIR=$ROOT deploy/install.sh uninstall
check_uninstalled
say "cutting the power under the state file"
.venv/bin/python deploy/system-test/powercut.py "$WORK/powercut" 20 1 || [ $? -eq 77 ]
say "all of it holds"
