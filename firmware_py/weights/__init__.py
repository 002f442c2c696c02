"""The pieces of the weights room; :mod:`firmware_py.models` is its face.

``manifest`` says what exists, ``sources`` brings files, ``store`` keeps and verifies them, ``ct2``, ``hf`` and
``ggml`` read checkpoints, ``whisper`` gives them common names, ``ggml`` writes what whisper.cpp loads.
"""
