"""Plain-Python twins of the compiled pieces: slow, obvious, and written from the contract rather than from the C."""
