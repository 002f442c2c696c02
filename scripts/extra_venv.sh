#!/bin/sh
# Makes an environment of its own for the tests of optional engines, unless it is there already: what rtva needs, what the
# extras of pyproject.toml need, pytest and hypothesis. The caller stands in the root of the tree.
#   scripts/extra_venv.sh TEST VENV FREE_MB EXTRA[,EXTRA...] [further requirement...]
set -eu
TEST=$1 VENV=$2 FREE_MB=$3 EXTRAS=$4
shift 4
[ -x .venv/bin/python ] || { echo "$TEST: run 'make setup' first" >&2; exit 69; }
requirements=$(.venv/bin/python - "$EXTRAS" "$@" <<'PY'
import sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
wanted = [each for extra in sys.argv[1].split(",") for each in project["optional-dependencies"][extra]]
print("\n".join([*project["dependencies"], *wanted, *sys.argv[2:], "pytest>=8", "hypothesis>=6.100"]))
PY
)
[ "$(cat "$VENV/requirements.done" 2>/dev/null || true)" != "$requirements" ] || exit 0
free_mb=$(df -Pm . | awk 'NR==2 {print $4}')
[ "$free_mb" -gt "$FREE_MB" ] || { echo "$TEST: $((FREE_MB / 1000)) GB are needed here, $free_mb MB are free" >&2; exit 69; }
echo "==> $TEST: installing $EXTRAS into $VENV"
began=$(date +%s)
[ -x "$VENV/bin/python" ] || .venv/bin/python -m venv "$VENV"
printf '%s\n' "$requirements" > "$VENV/requirements.txt"
"$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$VENV/requirements.txt"
printf '%s\n' "$requirements" > "$VENV/requirements.done"
echo "==> that took $(($(date +%s) - began)) s"
