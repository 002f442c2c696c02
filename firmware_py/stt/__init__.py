"""Speech to text."""

import os

# Read when libgomp is loaded, so it is said before anything here loads it. Spinning OpenMP threads starve capture,
# and on a machine with more busy threads than cores a decode takes ten times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
