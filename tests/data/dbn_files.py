"""Small DBN files for the tests of this folder, good and bad."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zstandard

from config.schema import DataConfig, TimelineConfig
from data.calendar import session, utc_midnight_ns
from data.data_manager import DataManager
from data.databento_provider import DatabentoProvider
from data.dbn_writer import encode_dbn
from data.layout import F_LAST, SECOND_NS, WIRE

DAY = dt.timedelta(days=1)
Intervals = Sequence[tuple[dt.date, dt.date, int]]


def data_config(folder: Path, *, publisher: int = 0, priority: Sequence[str] = ("mbp-1", "trades")) -> DataConfig:
    """Files in `folder`, cache beside it."""
    cache = folder.parent / f"{folder.name}-cache"
    return DataConfig(
        folder=str(folder),
        source="files",
        cache=str(cache),
        schema_priority=list(priority),
        publisher=publisher,
        splits=[],
    )


def provider_of(folder: Path, *, publisher: int = 0) -> DatabentoProvider:
    """A provider over `folder`."""
    return DatabentoProvider(folder, data_config(folder, publisher=publisher))


def manager_of(folder: Path, *, sessions: int = 20) -> DataManager:
    """A manager over `folder`."""
    return DataManager(provider_of(folder), data_config(folder), TimelineConfig(clock_volume_sessions=sessions))


def records(
    schema: str, rows: Sequence[tuple[int, int]], *, publisher: int = 95, sequence: int = 1
) -> npt.NDArray[np.void]:
    """Events of (instrument id, UTC ns); sequence numbers count up from `sequence`, 0 leaves them 0."""
    out = np.zeros(len(rows), WIRE[schema])
    for n, (number, ts) in enumerate(rows):
        out[n]["instrument_id"], out[n]["ts_event"] = number, ts
        if "ts_recv" in (out.dtype.names or ()):
            out[n]["ts_recv"] = ts
        if "sequence" in (out.dtype.names or ()):
            out[n]["sequence"] = sequence + n if sequence else 0
    out["publisher_id"] = publisher
    if schema in ("trades", "mbp-1"):
        out["action"], out["side"], out["flags"] = b"T", b"N", F_LAST
        out["price"], out["size"] = 5_000_000_000, 100
    return out


def bars(
    schema: str,
    number: int,
    rows: Sequence[tuple[int, float, float, float, float, int]],
    *,
    publisher: int = 95,
) -> npt.NDArray[np.void]:
    """Bars of (UTC ns, open, high, low, close, volume)."""
    out = np.zeros(len(rows), WIRE[schema])
    for n, (ts, *prices, volume) in enumerate(rows):
        out[n]["ts_event"], out[n]["volume"] = ts, volume
        for name, price in zip(("open", "high", "low", "close"), prices, strict=True):
            out[n][name] = round(price * 1e9)
    out["instrument_id"], out["publisher_id"] = number, publisher
    return out


def at(date: dt.date, second: float) -> int:
    """UTC ns of `second` after 04:00 New York."""
    return session(date).start_ns + round(second * SECOND_NS)


def utc_file(
    path: Path,
    schema: str,
    content: npt.NDArray[np.void],
    symbols: Mapping[str, int | Intervals],
    *,
    first: dt.date,
    end: dt.date | None = None,
    dataset: str = "EQUS.MINI",
    compressed: bool = True,
) -> Path:
    """Write a file over the UTC dates [first, end); a symbol's plain id holds on all of them."""
    end = end or first + DAY
    whole = {s: [(first, end, v)] if isinstance(v, int) else v for s, v in symbols.items()}
    raw = encode_dbn(
        schema,
        content,
        dataset=dataset,
        symbols=whole,
        start_ns=utc_midnight_ns(first),
        end_ns=utc_midnight_ns(end),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw if compressed else zstandard.decompress(raw))
    return path


def read(provider: DatabentoProvider, symbol: str, date: dt.date, schema: str) -> npt.NDArray[np.void]:
    """All chunks as one array."""
    return np.concatenate(list(provider.chunks(symbol, date, schema)) or [np.zeros(0, WIRE[schema])])
