#!/bin/sh
# The arm64 Debian of an image, and beside it the packages it boots with: deploy/image/base.sh FOLDER PACKAGE... (root)
# Makes FOLDER/base.tar and FOLDER/debs, where each PACKAGE is only downloaded: none of them has to run here.
set -eu
cd "$(dirname "$0")/../.."
folder=$1
shift
for program in mmdebstrap qemu-aarch64-static arch-test; do
    command -v $program >/dev/null || { echo "base.sh: no $program (apt install mmdebstrap qemu-user-static arch-test)" >&2; exit 77; }
done
deploy/bundle/binfmt.sh
mkdir -p "$folder"
# The firmware of a Raspberry Pi and of its Wi-Fi is in non-free-firmware.
deploy/bundle/sources.sh main non-free-firmware > "$folder/debian.sources"
rm -rf "$folder/debs" && mkdir "$folder/debs"
hook="cd '$PWD/$folder/debs' && for name in $*; do
    case \$name in linux-image-arm64) name=\$(APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-cache depends \$name | sed -n 's/.*Depends: \(linux-image-[0-9].*-arm64\).*/\1/p' | head -n 1) ;; esac
    APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG apt-get download -q \$name; done"
mmdebstrap --quiet --arch=arm64 --format=tar --variant=minbase \
    --include=systemd,systemd-sysv,systemd-timesyncd,systemd-resolved,dbus,udev,kmod,python3,libasound2,libgomp1,alsa-utils,tzdata,e2fsprogs,wpasupplicant,wireless-regdb,busybox-static \
    --aptopt='Acquire::Languages "none"' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook="$hook" bookworm "$folder/base.tar.new" "$folder/debian.sources"
mv "$folder/base.tar.new" "$folder/base.tar"
