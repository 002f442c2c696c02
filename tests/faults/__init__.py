"""Every fault class of docs/reliability.md, injected on this machine: ``make faults``."""
