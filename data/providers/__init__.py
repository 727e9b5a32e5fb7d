"""Data providers by name, found by looking here: a new one is one new file."""
