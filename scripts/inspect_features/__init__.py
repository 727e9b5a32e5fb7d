"""Features of a day over its price, as a page: `python -m scripts.inspect_features`."""
