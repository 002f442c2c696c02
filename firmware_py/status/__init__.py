"""The faces of the appliance: systemd, serial line, GPIO, control socket. They listen; the walk waits for none."""
