"""Voice activity detectors: speech or not, a 10 ms frame at a time."""
