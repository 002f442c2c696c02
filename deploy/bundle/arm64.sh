#!/bin/sh
# An arm64 Debian to build against and to run under emulation: deploy/bundle/arm64.sh [FOLDER [SUITE]] (root, minutes the first time)
set -eu
cd "$(dirname "$0")/../.."
folder=${1:-build/bundle/arm64-root}
suite=${2:-bookworm}
case $suite in
bookworm) tar=build/bundle/arm64.tar sound=libasound2 ;;
trixie) tar=build/bundle/arm64-$suite.tar sound=libasound2t64 ;;
*) echo "arm64.sh: bookworm or trixie, not '$suite'; nothing was done" >&2; exit 64 ;;
esac
# FOLDER is removed first: only one that such scripts made, which is below a folder of build/.
case $folder in -*) echo "arm64.sh: no options, only a folder below build/ (default: build/bundle/arm64-root), not '$folder'" >&2; exit 64 ;; esac
case $(realpath -m -- "$folder") in
"$(pwd -P)"/build/*/*) ;;
*) echo "arm64.sh: '$folder' is not below a folder of $(pwd -P)/build, and would be removed; nothing was done" >&2; exit 64 ;;
esac
[ "$(id -u)" = 0 ] || { echo "arm64.sh: root is needed" >&2; exit 77; }
for program in mmdebstrap qemu-aarch64-static arch-test; do
    command -v $program >/dev/null || { echo "arm64.sh: no $program (apt install mmdebstrap qemu-user-static arch-test)" >&2; exit 77; }
done
deploy/bundle/binfmt.sh
if [ ! -s "$tar" ]; then
    mkdir -p build/bundle
    sources= # mmdebstrap's own are Debian's
    if [ "$suite" = bookworm ]; then
        sources=$tar.sources
        deploy/bundle/sources.sh main > "$sources"
    fi
    # shellcheck disable=SC2086
    mmdebstrap --quiet --arch=arm64 --format=tar --variant=minbase \
        --include=systemd,systemd-sysv,dbus,udev,python3,$sound,libgomp1 "$suite" "$tar.new" $sources
    mv "$tar.new" "$tar"
fi
# Unpacked beside it: a folder that is there is a whole one.
rm -rf "$folder" "$folder.new"
mkdir -p "$folder.new"
tar -xpf "$tar" -C "$folder.new"
mv "$folder.new" "$folder"
