"""One fill model a file; see simulators/models.py."""
