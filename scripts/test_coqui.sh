#!/bin/sh
# The Coqui engine's tests, in an environment of its own: coqui-tts needs torch, 5.5 GB, so neither `make setup` nor
# continuous integration has it. The model is one that the tests make; nothing is fetched but packages.
#   scripts/test_coqui.sh [further pytest arguments]
set -eu
cd "$(dirname "$0")/.."
VENV=${RTVA_COQUI_VENV:-build/coqui-venv}
[ -x .venv/bin/python ] || { echo "test-coqui: run 'make setup' first" >&2; exit 69; }
wanted=$(grep -E '^coqui = ' pyproject.toml | sha256sum | cut -d' ' -f1)
if [ "$(cat "$VENV/.deps" 2>/dev/null || true)" != "$wanted" ]; then
    free_mb=$(df -Pm . | awk 'NR==2 {print $4}')
    [ "$free_mb" -gt 12000 ] || { echo "test-coqui: 12 GB are needed here, $free_mb MB are free" >&2; exit 69; }
    echo "==> installing coqui-tts and torch into $VENV (5.5 GB)"
    [ -x "$VENV/bin/python" ] || .venv/bin/python -m venv "$VENV"
    .venv/bin/python - > "$VENV/requirements.txt" <<'PY'
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
print("\n".join(project["dependencies"] + extras["coqui"] + extras["pyttsx3"] + ["pytest>=8", "hypothesis>=6.100"]))
PY
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$VENV/requirements.txt"
    printf '%s\n' "$wanted" > "$VENV/.deps"
fi
# The compiled core lies in the tree, built by `make setup` for the same interpreter.
PYTHONPATH=. exec "$VENV/bin/python" -m pytest tests/test_tts_contract.py tests/test_tts_coqui.py "$@"
