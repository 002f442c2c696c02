"""A web page that shows the running service: a process of its own that reads the control socket and serves one page."""
