# What the tests in a booted container share: sourced by run.sh, bundle.sh and deb.sh, from the top of the checkout.
# Exits with 77 and one line that says why where no container can be booted. Needs SCRIPT, what is run inside.
# PY=3.11|3.13: the container is the Debian that has this Python (bundle.sh and deb.sh; unset: this machine's); of deb.sh
# PY=3.10|3.12 too: the Ubuntu that has it, for which KEYRING names the file with the keys of Ubuntu's archive.
WORK=$PWD/build/system-test
ARCH=${ARCH:-amd64}
ROOT=$WORK/root
[ "$ARCH" = amd64 ] || ROOT=$WORK/root-$ARCH
BOOT_S=${BOOT_S:-420}
say() { printf '==> %s\n' "$*"; }
skip() { printf 'system-test skipped: %s\n' "$*" >&2; exit 77; }

requirements() {
    [ "$(id -u)" = 0 ] || skip "it boots a container and needs root (sudo make system-test)"
    [ "$(uname -s)" = Linux ] && command -v apt-get >/dev/null || skip "it needs a Debian system"
    . /etc/os-release
    [ "${ID:-}" = debian ] || skip "the container is Debian like the host, and this host is ${ID:-unknown}"
    own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    base=${PY:-$own}
    case $base in
        "$own") suite=$VERSION_CODENAME
            [ -x "/usr/bin/python$base" ] || skip ".venv has Python $base and $suite's own is another: the container could not run it" ;;
        3.11) suite=bookworm ;;
        3.13) suite=trixie ;;
        3.10) suite=jammy ;;
        3.12) suite=noble ;;
        *) skip "no system has Python $base (PY=3.10, 3.11, 3.12 or 3.13)" ;;
    esac
    case $ARCH-$suite in
        arm64-jammy | arm64-noble) skip "an emulated Ubuntu is not made here (ARCH=arm64 with PY=3.11 or 3.13)" ;;
        amd64-jammy | amd64-noble)
            KEYRING=${KEYRING:-/usr/share/keyrings/ubuntu-archive-keyring.gpg}
            [ -s "$KEYRING" ] || skip "no $KEYRING: KEYRING names the file with the keys of Ubuntu's archive" ;;
    esac
    if ! command -v systemd-nspawn >/dev/null || ! command -v mmdebstrap >/dev/null; then
        say "installing systemd-container and mmdebstrap"
        apt-get update -qq || true
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd-container mmdebstrap \
            >/dev/null || skip "systemd-container and mmdebstrap cannot be installed"
    fi
    unshare -m true 2>/dev/null || skip "this machine does not let root make mount namespaces"
}

sysroot() {
    # What is compiled for arm64 is linked with what lies there.
    [ "$ARCH" = amd64 ] || [ -d build/bundle/arm64-root ] || deploy/bundle/arm64.sh
}

base_system() {
    if [ "$ARCH" = arm64 ]; then
        deploy/bundle/arm64.sh "$ROOT" "$suite"
        echo rtva-test > "$ROOT/etc/hostname"
        return
    fi
    tar=$WORK/$suite.tar
    if [ ! -s "$tar" ]; then
        say "making a base system ($suite)"
        sources=/etc/apt/sources.list.d/debian.sources sound=libasound2
        [ -e "$sources" ] && [ "$suite" = "$VERSION_CODENAME" ] || sources=
        case $suite in trixie | noble) sound=libasound2t64 ;; esac
        case $suite in jammy | noble) sources="--keyring=$KEYRING" ;; esac
        # shellcheck disable=SC2086
        mmdebstrap --quiet --format=tar --variant=minbase --include=systemd,systemd-sysv,dbus,udev,python3,$sound,libgomp1,libstdc++6,zlib1g \
            "$suite" "$tar.new" $sources || skip "mmdebstrap failed (no mirror?)"
        mv "$tar.new" "$tar"
    fi
    # What was killed a moment ago lets go of its folders a moment later.
    for _ in 1 2 3 4 5; do rm -rf "$ROOT" 2>/dev/null && break; sleep 1; done
    rm -rf "$ROOT"
    mkdir -p "$ROOT"
    tar -xpf "$tar" -C "$ROOT"
    echo rtva-test > "$ROOT/etc/hostname"
}

put_test_inside() {
    mkdir -p "$ROOT/system-test"
    cp deploy/system-test/inside*.py deploy/system-test/lab.py deploy/system-test/feed.py "$ROOT/system-test/"
    [ -s "$WORK/question.raw" ] || .venv/bin/python - "$WORK" <<'PY'
import subprocess, sys
from firmware_py.audio.recording import RecordingMicrophone
import numpy as np
from pathlib import Path
work = Path(sys.argv[1])
subprocess.run([".venv/bin/rtva", "say", "What time is it?", "--out", str(work / "question.wav")], check=True, stdout=2)
microphone = RecordingMicrophone(work / "question.wav")
blocks = []
while (block := microphone.read()) is not None:
    blocks.append(block)
(work / "question.raw").write_bytes(np.concatenate(blocks).tobytes())
PY
    cp "$WORK/question.raw" "$ROOT/system-test/"
    cat > "$ROOT/etc/systemd/system/rtva-system-test.service" <<UNIT
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 /system-test/$SCRIPT $1
StandardOutput=file:/system-test/output.log
StandardError=file:/system-test/output.log
ExecStopPost=/usr/bin/systemctl poweroff --force
[Install]
WantedBy=multi-user.target
UNIT
    mkdir -p "$ROOT/etc/systemd/system/multi-user.target.wants"
    ln -sf ../rtva-system-test.service "$ROOT/etc/systemd/system/multi-user.target.wants/"
}

boot() {
    # Where the host has no cgroup2 at its usual place, the container gets a view of its own, in a mount namespace that
    # nobody else sees.
    put_test_inside "$1"
    rm -f "$ROOT/system-test/result.log"
    say "booting ($1)"
    started=$(date +%s)
    setsid unshare -m --propagation private sh -c '
        if [ "$(stat -fc %T /sys/fs/cgroup)" != cgroup2fs ]; then
            umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 8
        fi
        exec script -qfec "systemd-nspawn -q --register=no --keep-unit --link-journal=no $3 -D $1 -b" "$2" </dev/null' \
        sh "$ROOT" "$WORK/console-$1.log" "${2:-}" >/dev/null 2>&1 &
    container=$!
    trap 'kill -s KILL -- "-$container" 2>/dev/null || true' EXIT INT TERM
    while kill -0 $container 2>/dev/null && ! grep -qs '^done' "$ROOT/system-test/result.log"; do
        [ $(($(date +%s) - started)) -lt "$BOOT_S" ] || break
        sleep 0.5
    done
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do kill -0 $container 2>/dev/null || break; sleep 0.5; done
    kill -s KILL -- "-$container" 2>/dev/null || true
    trap - EXIT INT TERM
    if [ ! -e "$ROOT/system-test/result.log" ]; then
        tail -n 20 "$WORK/console-$1.log" >&2 || true
        skip "the container did not boot here"
    fi
    cp "$ROOT/system-test/result.log" "$WORK/result-$1.log"
    cp "$ROOT/system-test/journal.log" "$WORK/journal-$1.log" 2>/dev/null || true
    cat "$WORK/result-$1.log"
    say "$(($(date +%s) - started)) s"
    if ! grep -q '^done 0 failed' "$WORK/result-$1.log"; then
        tail -n 60 "$WORK/journal-$1.log" >&2 2>/dev/null || say "no end of the checks within $BOOT_S s"
        exit 1
    fi
}
