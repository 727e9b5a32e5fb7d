"""One check a file; see scripts/audit_fills/registry.py."""
