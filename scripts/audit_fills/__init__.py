"""Does the simulation fill orders as a market would? See `python -m scripts.audit_fills --help`."""
