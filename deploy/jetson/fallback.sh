#!/bin/sh
# Proves on a machine without a GPU that whisper.cpp with CUDA, built for a Jetson, loads there and recognises on the
# processor: emulated, in a copy of the image's root with the package in it (root, Debian, minutes).
#
#   deploy/jetson/fallback.sh ARCH [SYSTEM]
#     ARCH       87 or 110, whose libraries cross-cuda.sh left in build/jetson/sm_ARCH
#     SYSTEM     an arm64 root with the package (default: build/image/qemu-arm64/root, as make image leaves it)
set -eu
cd "$(dirname "$0")/../.."
ARCH=${1:-}
case $ARCH in 87 | 110) ;; *) echo "fallback.sh: ARCH is 87 or 110, not '$ARCH'" >&2; exit 64 ;; esac
SYSTEM=${2:-build/image/qemu-arm64/root}
BUILT=build/jetson/sm_$ARCH
ROOT=$PWD/build/jetson/root
WORK=$PWD/build/jetson/fallback
QUESTION='What time is it?'
say() { printf '==> %s\n' "$*"; }
fail() { echo "fallback.sh: $2" >&2; exit "$1"; }
[ "$(id -u)" = 0 ] || fail 77 'root is needed'
[ -e "$BUILT/libggml-cuda.so" ] || fail 66 "no $BUILT/libggml-cuda.so (deploy/jetson/cross-cuda.sh $ARCH)"
[ -x "$SYSTEM/usr/bin/rtva" ] || fail 66 "no rtva in $SYSTEM (make image)"
deploy/bundle/binfmt.sh
LIBRARIES=$(find build/jetson/toolkit-*/targets/aarch64-linux/lib -maxdepth 0 | tail -1)

rm -rf "$ROOT" "$WORK" && mkdir -p "$WORK"
cp -al "$SYSTEM" "$ROOT" # names alone: nothing that is there is written below
mkdir -p "$ROOT/opt/rtva-cuda" "$ROOT/tmp/fallback"
cp -a --no-preserve=ownership "$BUILT/." "$ROOT/opt/rtva-cuda/"
needed() { .venv/bin/python deploy/jetson/elf.py needed "$@" | grep '^libcu' || true; }
for name in $(needed "$BUILT"/lib*.so) $(needed "$LIBRARIES/libcublas.so"); do
    cp -L "$LIBRARIES/$name" "$ROOT/opt/rtva-cuda/" 2>/dev/null || fail 66 "no $name in $LIBRARIES"
done
.venv/bin/rtva say "$QUESTION" --out "$WORK/question.wav" >/dev/null
cp "$WORK/question.wav" "$ROOT/tmp/fallback/"
for device in auto cuda; do
    printf 'stt: {optimization: {device: %s}}\nworkers: {mode: in_process, deadline_scale: 200}\n' $device >"$ROOT/tmp/fallback/$device.yaml"
done
emulated() { # COMMAND...: in that system, with this build of whisper.cpp
    unshare --mount --pid --fork --mount-proc="$ROOT/proc" chroot "$ROOT" \
        /usr/bin/env -i PATH=/usr/bin:/bin HOME=/tmp/fallback RTVA_WHISPER_LIBRARY=/opt/rtva-cuda/libwhisper.so.1 "$@"
}
transcribe() { emulated rtva transcribe --config "/tmp/fallback/$1.yaml" /tmp/fallback/question.wav; }

began=$(date +%s)
emulated /usr/lib/rtva/bin/python -c '
from firmware_py.stt import device, library
print(library.system_info().strip())
assert device.has_cuda_build() and device.cuda_devices() == []' >"$WORK/built-with"
grep -q "CUDA : ARCHS = " "$WORK/built-with" || fail 69 "it was not built with CUDA: $(cat "$WORK/built-with")"
say "it loads, has CUDA and sees no GPU ($(sed 's/.*CUDA : ARCHS = \([0-9,]*\).*/architectures: \1/' "$WORK/built-with")), $(($(date +%s) - began)) s"

began=$(date +%s)
heard=$(transcribe auto)
say "device: auto recognises on the processor: '$heard', $(($(date +%s) - began)) s"
here=$(.venv/bin/rtva transcribe "$WORK/question.wav")
[ "$heard" = "$here" ] || fail 69 "the same recording is '$here' on this machine"

rc=0
transcribe cuda >"$WORK/refused" 2>&1 || rc=$?
if [ $rc != 69 ] || [ "$(wc -l <"$WORK/refused")" != 1 ] || ! grep -q 'no CUDA device' "$WORK/refused"; then
    fail 69 "device: cuda ended with $rc and: $(cat "$WORK/refused")"
fi
say "device: cuda is refused in one line: $(cat "$WORK/refused")"
rm -rf "$ROOT"
