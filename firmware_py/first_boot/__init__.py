"""What a board is told before its first start: a text file beside the kernel, read at every start."""
