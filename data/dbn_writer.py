"""Databento's file format, written: one .dbn.zst with a header, a zstd frame with checksum, and nothing else.

Source of the layout: databento_dbn's `Metadata` and record classes (DBN version 3).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import databento_dbn
import numpy as np
import numpy.typing as npt
import zstandard

from data.layout import WIRE
from utils.atomic import write_bytes
from utils.errors import DataError, nearest

ZSTD_LEVEL = 1
"""Level 3 saves another 5 % of bytes for twice the time."""

Intervals = Sequence[tuple[dt.date, dt.date, int]]
"""(first UTC date, end date exclusive, instrument id)"""


class _Interval(NamedTuple):
    start_date: dt.date
    end_date: dt.date
    symbol: str


class _Mapping(NamedTuple):
    raw_symbol: str
    intervals: list[_Interval]


def _header(schema: str, dataset: str, symbols: Mapping[str, Intervals], start_ns: int, end_ns: int) -> bytes:
    # the library's types promise enums and protocols; it takes names and anything with these attributes
    mappings: Any = [
        _Mapping(symbol, [_Interval(first, end, str(identifier)) for first, end, identifier in intervals])
        for symbol, intervals in symbols.items()
    ]
    raw: Any = databento_dbn.SType.RAW_SYMBOL
    number: Any = databento_dbn.SType.INSTRUMENT_ID
    metadata = databento_dbn.Metadata(
        dataset=dataset,
        start=start_ns,
        stype_in=raw,
        stype_out=number,
        schema=databento_dbn.Schema.from_str(schema),
        symbols=list(symbols),
        mappings=mappings,
        end=end_ns,
    )
    return bytes(metadata)


def record_type(schema: str) -> int:
    """The `rtype` of that schema's records."""
    return databento_dbn.RType.from_schema(databento_dbn.Schema.from_str(schema)).value


def encode_dbn(
    schema: str,
    records: npt.NDArray[np.void],
    *,
    dataset: str,
    symbols: Mapping[str, Intervals],
    start_ns: int,
    end_ns: int,
) -> bytes:
    """The bytes of a .dbn.zst file; arguments as in `write_dbn`. The same arguments give the same bytes."""
    if schema not in WIRE:
        raise DataError(f"Cannot write schema {schema!r}", rule="schema", near=nearest(schema, WIRE))
    if records.dtype != WIRE[schema]:
        raise DataError(
            f"Records of schema {schema} must have the dtype WIRE[{schema!r}]",
            rule="dtype",
            fix="build them with np.zeros(n, WIRE[schema])",
        )
    body = records.copy()
    body["length"] = body.dtype.itemsize // 4
    body["rtype"] = record_type(schema)
    header = _header(schema, dataset, symbols, start_ns, end_ns)
    # the frame holds its content size and a checksum: a cut or damaged file can be told from a whole one
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True, write_content_size=True)
    return compressor.compress(header + body.tobytes())


def write_dbn(
    path: Path,
    schema: str,
    records: npt.NDArray[np.void],
    *,
    dataset: str,
    symbols: Mapping[str, Intervals],
    start_ns: int,
    end_ns: int,
) -> None:
    """Write `records` (dtype `WIRE[schema]`, in order of time) as `path`.

    symbols: the instrument ids of each symbol by UTC date; the file covers [start_ns, end_ns) UTC.
    `length` and `rtype` are set here. The file appears whole or not at all.
    Raises DataError for an unknown schema or a wrong dtype.
    """
    content = encode_dbn(schema, records, dataset=dataset, symbols=symbols, start_ns=start_ns, end_ns=end_ns)
    write_bytes(path, content)
