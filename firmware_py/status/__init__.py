"""Faces that show the state: serial, GPIO, systemd."""
