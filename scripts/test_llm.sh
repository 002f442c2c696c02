#!/bin/sh
# The embedded language model's tests against real models, and the endpoint's against a real server, in an environment of
# their own: llama-cpp-python is built from source (14 minutes on two busy cores; pip keeps the wheel), so neither `make setup`
# nor continuous integration has it. The models (350 MB) come from the Python index.
#   scripts/test_llm.sh [further pytest arguments]
set -eu
cd "$(dirname "$0")/.."
VENV=${RTVA_LLM_VENV:-build/llm-venv}
[ -x .venv/bin/python ] || { echo "test-llm: run 'make setup' first" >&2; exit 69; }
wanted=$(grep -E '^llm = ' pyproject.toml | sha256sum | cut -d' ' -f1)
if [ "$(cat "$VENV/.deps" 2>/dev/null || true)" != "$wanted" ]; then
    command -v c++ >/dev/null || { echo "test-llm: a C++ compiler is missing (apt-get install g++)" >&2; exit 69; }
    free_mb=$(df -Pm . | awk 'NR==2 {print $4}')
    [ "$free_mb" -gt 3000 ] || { echo "test-llm: 3 GB are needed here, $free_mb MB are free" >&2; exit 69; }
    echo "==> installing llama-cpp-python into $VENV (minutes, where its wheel was not built before)"
    began=$(date +%s)
    [ -x "$VENV/bin/python" ] || .venv/bin/python -m venv "$VENV"
    .venv/bin/python - > "$VENV/requirements.txt" <<'PY'
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
server = [each.replace("llama-cpp-python", "llama-cpp-python[server]") for each in extras["llm"]]
print("\n".join(project["dependencies"] + server + ["pytest>=8", "hypothesis>=6.100"]))
PY
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$VENV/requirements.txt"
    printf '%s\n' "$wanted" > "$VENV/.deps"
    echo "==> that took $(($(date +%s) - began)) s"
fi
.venv/bin/rtva models fetch gemma3-270m smollm2-135m
# The compiled core lies in the tree, built by `make setup` for the same interpreter.
PYTHONPATH=. exec "$VENV/bin/python" -m pytest tests/test_llm_embedded.py tests/test_llm_server.py "$@"
