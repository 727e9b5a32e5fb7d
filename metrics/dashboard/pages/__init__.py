"""Pages of the dashboard, found by looking here: a new one is one new file."""
