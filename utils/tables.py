"""Tables as files that are whole or not there."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from utils.atomic import write_bytes


def write_parquet(path: Path, table: pl.DataFrame) -> None:
    """`table` as `path`; readers see the old file or the new one. OSError if the disk refuses."""
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    write_bytes(path, buffer.getvalue())
