#!/bin/sh
# Debian's own checks of a package, beyond the overrides that stand beside this file: deploy/deb/lint.sh DEB...
# Exits with 77 where there is no lintian, and with 2 on an error or a warning.
set -eu
command -v lintian >/dev/null || { echo "deb-lint skipped: no lintian (apt install lintian)" >&2; exit 77; }
[ -e "${1:-}" ] || { echo "deb-lint skipped: no package was made (make deb)" >&2; exit 77; }
exec lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$@"
