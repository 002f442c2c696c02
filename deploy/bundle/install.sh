#!/bin/sh
# Installs or upgrades rtva from this folder, without a network: ./install.sh [--key F] [--uninstall [--purge]]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" = 0 ] || { echo "install.sh: root is needed (sudo ./install.sh)" >&2; exit 69; }
version=$(sed -n 's/^python //p' "$here/manifest")
python=$(command -v "python$version" || true)
[ -n "$python" ] || { echo "install.sh: this bundle is for Python $version, and no python$version is here" >&2; exit 69; }
wheel=$(sed -n 's|^[0-9a-f]* [0-9]* \(wheels/rtva-.*\.whl\)$|\1|p' "$here/manifest") # not what else lies there
[ -f "$here/$wheel" ] || { echo "install.sh: $here/manifest names no wheel of rtva that is here; not a whole bundle" >&2; exit 65; }
# Isolated: neither the folder it is called from nor PYTHONPATH may bring code of their own.
exec "$python" -I -B -c 'import sys; sys.path.insert(0, sys.argv.pop(1)); from firmware_py.release.__main__ import main; sys.exit(main())' \
    "$here/$wheel" "$here" "$@"
