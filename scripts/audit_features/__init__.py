"""Does any feature know the future? See `python -m scripts.audit_features --help`."""
