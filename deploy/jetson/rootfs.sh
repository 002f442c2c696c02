#!/bin/sh
# Puts rtva into the root file system of NVIDIA's Jetson Linux, and prints the command that flashes a module with it.
#
#   deploy/jetson/rootfs.sh --bsp Linux_for_Tegra --module MODULE --deb rtva_arm64.deb [--cuda build/jetson/sm_87] [--dry-run]
#
#   --bsp      the release, unpacked as NVIDIA's Quick Start says, with the sample root file system, after apply_binaries.sh
#   --module   orin-nano, orin-nx, agx-orin, agx-thor
#   --deb      the package for its Python: make deb ARCH=arm64 PY=3.10 (JetPack 6) or PY=3.12 (JetPack 7)
#   --cuda     libraries of cross-cuda.sh (JetPack 7); without them recognition runs on the processor
#   --dry-run  checks, and says what it would do; changes nothing
#
# Everything is checked before anything is touched. The package is installed by the target's own dpkg in a chroot: as root, with
# qemu-user-static. Nothing is flashed from here: the board is connected in recovery mode by whoever runs the printed command.
set -eu
umask 022 # what is laid here is the board's
HERE=$(dirname "$0")
BSP='' MODULE='' DEB='' CUDA='' DRY=''
fail() { echo "rootfs.sh: $2" >&2; exit "$1"; }
while [ $# -gt 0 ]; do
    case $1 in
    --help | -h) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit ;;
    --dry-run) DRY=yes; shift; continue ;;
    --bsp | --module | --deb | --cuda) [ $# -ge 2 ] || fail 64 "$1 wants a value" ;;
    *) fail 64 "unknown option $1 (--bsp, --module, --deb, --cuda, --dry-run, --help)" ;;
    esac
    case $1 in --bsp) BSP=$2 ;; --module) MODULE=$2 ;; --deb) DEB=$2 ;; --cuda) CUDA=$2 ;; esac
    shift 2
done

# Module: the board's configuration in the release, its GPU architecture, the device that is flashed.
case $MODULE in
orin-nano | orin-nx) BOARD=jetson-orin-nano-devkit GPU=87 ;;
agx-orin) BOARD=jetson-agx-orin-devkit GPU=87 ;;
agx-thor) BOARD=jetson-agx-thor-devkit GPU=110 ;;
*) fail 64 "--module is orin-nano, orin-nx, agx-orin or agx-thor, not '$MODULE'" ;;
esac
ROOT=$BSP/rootfs
[ -d "$BSP" ] && [ -x "$BSP/flash.sh" -o -x "$BSP/l4t_initrd_flash.sh" ] || fail 66 "'$BSP' is no Linux_for_Tegra folder: it has no flash.sh"
[ -e "$BSP/$BOARD.conf" ] || fail 66 "this release does not know $MODULE: no $BOARD.conf in $BSP (Orin: r36, Thor: r38 and newer)"
[ -x "$ROOT/usr/bin/dpkg" ] || fail 66 "$ROOT is no root file system: unpack NVIDIA's sample into it, then apply_binaries.sh"
[ -e "$ROOT/etc/nv_tegra_release" ] || fail 66 "$ROOT lacks /etc/nv_tegra_release: run apply_binaries.sh first"
[ -f "$DEB" ] || fail 66 "no package '$DEB' (make deb ARCH=arm64)"
case $(dpkg-deb --field "$DEB" Package Architecture 2>/dev/null | tr '\n' ' ') in
*rtva*arm64*) ;;
*) fail 65 "$DEB is not rtva's package for arm64" ;;
esac

# What the package depends on has to be there: dpkg would leave it half installed otherwise.
installed() { # NAME [OPERATOR VERSION]
    there=$(dpkg-query --admindir="$ROOT/var/lib/dpkg" -Wf '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | sed -n 's/^installed //p' | head -n 1)
    [ -n "$there" ] && { [ $# -lt 3 ] || dpkg --compare-versions "$there" "$2" "$3"; }
}
lacking() { # the dependencies that are not there, a line each; of alternatives one is enough
    dpkg-deb --field "$DEB" Depends | tr -d '()' | tr ',' '\n' | while IFS= read -r wanted; do
        found=
        for alternative in $(printf '%s' "$wanted" | sed 's/^ *//; s/ *| */|/g' | tr ' |' '_ '); do
            # shellcheck disable=SC2046
            if installed $(printf '%s' "$alternative" | tr _ ' '); then found=yes; fi
        done
        [ -n "$found" ] || printf '%s\n' "$wanted" | sed 's/^ *//'
    done
}
LACKS=$(lacking)
case $LACKS in
'') ;;
*python3.*)
    there=$(ls "$ROOT/usr/bin" | sed -n 's/^python\(3\.[0-9]*\)$/\1/p' | tail -n 1)
    fail 65 "$DEB is for $(echo "$LACKS" | grep -m1 python3), and this release has Python ${there:-none}${there:+: make deb ARCH=arm64 PY=$there}" ;;
*) fail 66 "$ROOT lacks what the package depends on: $(echo "$LACKS" | paste -sd, | sed 's/,/, /g') (apt-get install them there, in a chroot)" ;;
esac

if [ -n "$CUDA" ]; then
    [ -e "$CUDA/libwhisper.so.1" ] || fail 66 "no libwhisper.so.1 in $CUDA (cross-cuda.sh $GPU)"
    [ -e "$CUDA/libggml-cuda.so" ] || fail 66 "no libggml-cuda.so in $CUDA: it was built without CUDA (cross-cuda.sh $GPU)"
    HAS=$(python3 "$HERE/elf.py" cubins "$CUDA/libggml-cuda.so") || fail 65 "$CUDA/libggml-cuda.so cannot be read"
    echo "$HAS" | grep -qx "sm_$GPU" || fail 65 "$CUDA is not for $MODULE, whose GPU is sm_$GPU: it has $(echo "${HAS:-no code for a GPU}" | paste -sd ' '), and would abort there"
    for name in $(python3 "$HERE/elf.py" needed "$CUDA"/lib*.so | grep '^libcu'); do
        [ -e "$CUDA/$name" ] || find "$ROOT/usr/local/" "$ROOT/usr/lib/aarch64-linux-gnu/" -name "$name" 2>/dev/null | grep -q . ||
            fail 66 "$ROOT lacks $name, without which recognition would not start: install NVIDIA's CUDA there, or lay it beside $CUDA/libwhisper.so.1"
    done
fi

run() { if [ -n "$DRY" ]; then echo "would run: $*"; else "$@"; fi; }
if [ -z "$DRY" ]; then
    [ "$(id -u)" = 0 ] || fail 77 "the target's dpkg runs in a chroot: sudo $0 ... (or --dry-run)"
    [ "$(uname -m)" = aarch64 ] || [ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] || fail 69 "programs for arm64 do not run here: apt-get install qemu-user-static binfmt-support"
fi
[ -n "$DRY" ] || trap 'rm -f "$ROOT/tmp/rtva.deb"' EXIT
run cp "$DEB" "$ROOT/tmp/rtva.deb"
run chroot "$ROOT" env DEBIAN_FRONTEND=noninteractive dpkg --install /tmp/rtva.deb ||
    fail 69 "dpkg did not install it; 'chroot $ROOT dpkg --purge rtva' takes away what it left there"
run rm -f "$ROOT/tmp/rtva.deb"
# Thor has no preset of its own; the defaults use its GPU too.
[ $GPU != 87 ] || run chroot "$ROOT" env RTVA_HOME=/var/lib/rtva rtva first-boot --preset orin-nano --boot /nonexistent
if [ -n "$CUDA" ]; then
    # Without a driver these load, find no device, and recognition runs on the processor.
    run mkdir -p "$ROOT/opt/rtva-cuda" "$ROOT/etc/systemd/system/rtva.service.d"
    run cp -a --no-preserve=ownership,mode "$CUDA/." "$ROOT/opt/rtva-cuda/"
    run cp --no-preserve=mode "$HERE/library.conf" "$HERE/../../systemd/drop-in/rtva.service.d/cuda.conf" "$ROOT/etc/systemd/system/rtva.service.d/"
fi

first() { for file in "$@"; do [ ! -e "$BSP/$file" ] || { echo "$file"; return; }; done; echo "$1"; }
echo "Now, with the board in recovery mode at a USB port of this machine, in $BSP:"
case $MODULE in
agx-orin) echo "  sudo ./flash.sh $BOARD internal" ;;
agx-thor) echo "  sudo ./l4t_initrd_flash.sh $BOARD internal" ;;
*)
    disk=$(first tools/kernel_flash/flash_l4t_t234_nvme.xml tools/kernel_flash/flash_l4t_external.xml)
    chip=$(first bootloader/generic/cfg/flash_t234_qspi.xml bootloader/t186ref/cfg/flash_t234_qspi.xml)
    echo "  sudo ./tools/kernel_flash/l4t_initrd_flash.sh --external-device nvme0n1p1 -c $disk -p \"-c $chip\" --showlogs --network usb0 $BOARD internal"
    ;;
esac
