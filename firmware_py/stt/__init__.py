"""Speech to text."""

import os

# Read when libgomp is loaded, so it is said before anything here loads it. Spinning OpenMP threads starve capture,
# and on a machine with more busy threads than cores a decode takes ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Threads meet some hundred times in an encode. Without any spinning two of them were no faster than one: the one that
# is woken often lands on the core of the one that woke it. A thousand looks, some 15 us, keep it awake in between.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")
