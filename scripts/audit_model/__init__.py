"""Would a trader put money on this model? See `python -m scripts.audit_model --help`."""
