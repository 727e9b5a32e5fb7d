"""One check a file; see scripts/audit_model/registry.py."""
