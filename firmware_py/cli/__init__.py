"""One file a subcommand; each has register(subparsers)."""
