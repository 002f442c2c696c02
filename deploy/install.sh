#!/bin/sh
# Puts the service in place, or takes it away: install.sh install|uninstall   (make install, make uninstall)
#
#   DESTDIR   stands before every path: a root file system that is being built
#   WEIGHTS=no installs none; otherwise those of this user are copied and missing ones fetched
#   NATIVE=yes|no takes a build of 'make native' along, or not; yes without DESTDIR, whose processor may be another
#   PURGE=yes uninstall removes configuration and state as well
#
# Installing over an older version keeps /etc/rtva and /var/lib/rtva as they are.
set -eu
umask 022 # root's own may be stricter, and the service's user has to read it
cd "$(dirname "$0")/.."
D=${DESTDIR:-}
PREFIX=/opt/rtva
PY=.venv/bin/python
# The interpreter behind .venv: the compiled core fits no other version.
PYTHON=${PYTHON:-$($PY -c 'import sys; print(sys._base_executable)')}
say() { printf '==> %s\n' "$*"; }

units() {  # SOURCE TARGET, a line each
    cat <<'LIST'
systemd/rtva.service /usr/lib/systemd/system/rtva.service
systemd/rtva-profile.service /usr/lib/systemd/system/rtva-profile.service
systemd/rtva-profile.timer /usr/lib/systemd/system/rtva-profile.timer
systemd/rtva.sysusers /usr/lib/sysusers.d/rtva.conf
systemd/rtva.tmpfiles /usr/lib/tmpfiles.d/rtva.conf
systemd/60-rtva.rules /usr/lib/udev/rules.d/60-rtva.rules
LIST
}

alone() {  # the other two ways to install have the same units and the same user
    if [ -e "$D/usr/lib/rtva/bin/rtva" ]; then
        echo "install.sh: rtva was installed here by the Debian package; 'apt remove rtva' first (it keeps what is yours)" >&2
    elif [ -e "$D$PREFIX/releases" ]; then
        echo "install.sh: rtva was installed here by a bundle; './install.sh --uninstall' in it first (it keeps what is yours)" >&2
    else
        return 0
    fi
    exit 69
}

on_this_machine() { [ -z "$D" ] && [ -d /run/systemd/system ]; }

package() {
    # Built beside the old one and then exchanged, so that a failure leaves what was there.
    native=
    [ "${NATIVE:-$([ -n "$D" ] || echo yes)}" != yes ] || native=$($PY scripts/native.py wheel)
    if [ "${NATIVE:-}" = yes ] && [ -z "$native" ]; then
        echo "install.sh: NATIVE=yes, but no native build is in use; run 'make native' first" >&2
        exit 69
    fi
    say "installing rtva into $D$PREFIX"
    rm -rf build/wheels "$D$PREFIX.new"
    $PY -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/wheels .
    mkdir -p "$D$PREFIX.new"
    "$PYTHON" -m venv "$D$PREFIX.new"
    "$D$PREFIX.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
        --constraint constraints.txt "$(ls "$PWD"/build/wheels/rtva-*.whl)[gpio,mqtt,wake]"
    if [ -n "$native" ]; then
        say "with the whisper.cpp that was built for this processor"
        printf '%s\n' "$native" > build/wheels/native.txt # with CUDA there are libraries beside it
        "$D$PREFIX.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall \
            --requirement build/wheels/native.txt
        cp .venv/.whisper.json "$D$PREFIX.new/"
    fi
    sed -i "s|$D$PREFIX.new|$PREFIX|g; s|(rtva.new)|(rtva)|g" "$D$PREFIX.new"/bin/* "$D$PREFIX.new/pyvenv.cfg" 2>/dev/null || true
    mkdir -p "$D$PREFIX.new/share/doc/rtva" "$D$PREFIX.new/share/systemd"
    cp -r docs/. "$D$PREFIX.new/share/doc/rtva/"
    cp -r systemd/drop-in/. "$D$PREFIX.new/share/systemd/"
    rm -rf "$D$PREFIX.old"
    [ ! -e "$D$PREFIX" ] || mv "$D$PREFIX" "$D$PREFIX.old"
    mv "$D$PREFIX.new" "$D$PREFIX"
    rm -rf "$D$PREFIX.old"
    mkdir -p "$D/usr/local/bin"
    ln -sfn $PREFIX/bin/rtva "$D/usr/local/bin/rtva"
}

configuration() {
    mkdir -p "$D/etc/rtva/intents" "$D/var/lib/rtva"
    if [ ! -e "$D/etc/rtva/config.yaml" ]; then
        say "writing $D/etc/rtva/config.yaml"
        # In the service each engine has a process of its own.
        sed 's|^workers:$|workers:\n  mode: process|; /^  # mode: "in_process"$/d' config/config.yaml \
            > "$D/etc/rtva/config.yaml"
    fi
}

weights() {
    # Those of this user that the default configuration needs; then whatever is still missing.
    [ "${WEIGHTS:-yes}" != no ] || return 0
    $PY - "$D/var/lib/rtva" <<'PY' || true
import shutil, sys
from pathlib import Path
from firmware_py import models
voice, home, target = models.resolve_voice("en_US-joe-medium"), models.home(), Path(sys.argv[1])
for file in (models.resolve_stt("tiny.en", "int8").path, voice.onnx, voice.config):
    copy = target / file.relative_to(home)
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
PY
    RTVA_HOME="$D/var/lib/rtva" .venv/bin/rtva models fetch --quiet
}

install_all() {
    package
    configuration
    weights
    if [ -z "$D" ]; then  # a start that cannot write finds it there
        RTVA_HOME=/var/lib/rtva $PREFIX/bin/rtva cache build --shipped --config /etc/rtva/config.yaml >/dev/null || true
    fi
    units | while read -r source target; do install -D -m 0644 "$source" "$D$target"; done
    if on_this_machine; then
        systemd-sysusers rtva.conf
        systemd-tmpfiles --create rtva.conf
        chown -R rtva:rtva /var/lib/rtva
        udevadm control --reload && udevadm trigger --subsystem-match=gpio --subsystem-match=tty || true
        systemctl daemon-reload
        systemctl try-restart rtva.service
        say "systemctl enable --now rtva starts it, now and at every boot"
    fi
}

uninstall_all() {
    if on_this_machine; then systemctl disable --now rtva.service rtva-profile.timer 2>/dev/null || true; fi
    units | while read -r source target; do rm -f "$D$target"; done
    rm -rf "$D$PREFIX" "$D$PREFIX.new" "$D$PREFIX.old" "$D/usr/local/bin/rtva"
    if [ "${PURGE:-no}" = yes ]; then
        rm -rf "$D/etc/rtva" "$D/var/lib/rtva" "$D/etc/systemd/system/rtva.service.d"
    else
        say "kept: $D/etc/rtva $D/var/lib/rtva (PURGE=yes removes them)"
    fi
    if on_this_machine; then systemctl daemon-reload; fi
}

case "${1:-}" in
install) alone; install_all ;;
uninstall) alone; uninstall_all ;;
*) echo "usage: deploy/install.sh install|uninstall" >&2; exit 64 ;;
esac
