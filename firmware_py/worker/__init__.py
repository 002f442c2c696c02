"""The pieces of a supervised engine process; :mod:`firmware_py.workers` is the way in."""
