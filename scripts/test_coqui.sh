#!/bin/sh
# The Coqui engine's tests, in an environment of its own: coqui-tts needs torch, 5.5 GB, so neither `make setup` nor
# continuous integration has it. The model is one that the tests make; nothing is fetched but packages.
#   scripts/test_coqui.sh [further pytest arguments]
set -eu
cd "$(dirname "$0")/.."
VENV=${RTVA_COQUI_VENV:-build/coqui-venv}
scripts/extra_venv.sh test-coqui "$VENV" 12000 coqui,pyttsx3
# The compiled core lies in the tree, built by `make setup` for the same interpreter.
PYTHONPATH=. exec "$VENV/bin/python" -m pytest tests/test_tts_contract.py tests/test_tts_coqui.py "$@"
