"""One latency model a file; see simulators/models.py."""
