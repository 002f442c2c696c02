#!/bin/sh
# Installs or upgrades rtva from this folder, without a network: ./install.sh [--key F] [--uninstall [--purge]]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "install.sh: root is needed (sudo ./install.sh)" >&2; exit 69; }
version=$(sed -n 's/^python //p' "$here/manifest")
python=$(command -v "python$version" || true)
[ -n "$python" ] || { echo "install.sh: this bundle is for Python $version, and no python$version is here" >&2; exit 69; }
wheel=$(ls "$here"/wheels/rtva-*.whl)
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$wheel exec "$python" -m firmware_py.release "$here" "$@"
