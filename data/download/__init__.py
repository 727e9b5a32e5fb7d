"""Market data from Databento into the data folder: planned, priced, fetched, checked, noted."""
