"""Importing it loads the whisper.cpp in use: a stand-by worker imports ahead, and knows modules only."""

from firmware_py.stt import library

library.bring()
