"""Databento files: mutated as they lie there, mutated inside and packed again, and with single bits turned over.

A file with a checksum whose bits were flipped must be refused, or read as what it was.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xxhash
import zstandard

from data.dbn_header import MAGIC_ZSTD, read_header
from data.dbn_stream import FileReader, Picks
from data.dbn_writer import encode_dbn
from data.layout import F_LAST, SECOND_NS, WIRE
from scripts.fuzz.mutations import flipped, mutated
from scripts.fuzz.target import Draw, SilentError, Target

DATE = dt.date(2025, 3, 10)
START_NS = int(dt.datetime(2025, 3, 10, 13, 30, tzinfo=dt.UTC).timestamp()) * SECOND_NS
RECORDS = (0, 1, 5, 40)
IDS = {"ABCD": 7, "WXYZ": 9}
FLIPS = 1 / 3
"""Share of inputs of which only bits are flipped."""
ORIGIN_BYTES = 8
"""In front of every input: the XXH3 of what a flipped file has to be read as, or nothing but zeros."""


def _file(schema: str, count: int) -> bytes:
    """A small file of two symbols with a checksum."""
    records = np.zeros(count, WIRE[schema])
    records["instrument_id"] = [list(IDS.values())[i % 2] for i in range(count)]
    times = START_NS + np.arange(count, dtype=np.uint64) * SECOND_NS
    fields = records.dtype.names or ()
    for field in ("ts_event", "ts_recv"):
        if field in fields:
            records[field] = times
    records["publisher_id"] = 95
    if "price" in fields:
        records["action"], records["side"], records["flags"] = b"T", b"N", F_LAST
        records["price"], records["size"], records["sequence"] = 5 * 10**9, 100, np.arange(count) + 1
    day = DATE, DATE + dt.timedelta(days=1)
    symbols = {name: [(*day, number)] for name, number in IDS.items()}
    end = START_NS + 3600 * SECOND_NS
    return encode_dbn(schema, records, dataset="XNAS.ITCH", symbols=symbols, start_ns=START_NS, end_ns=end)


def _seeds(_: Path) -> list[bytes]:
    return [_file(schema, count) for schema in WIRE for count in RECORDS]


def _draw(seeds: Sequence[bytes], draw: Draw) -> bytes:
    seed = seeds[int(draw.integers(len(seeds)))]
    if draw.random() < FLIPS:
        return xxhash.xxh3_64(seed).digest() + flipped(seed, draw)
    form = int(draw.integers(4))
    if form == 0:
        return bytes(ORIGIN_BYTES) + mutated(seed, draw, seeds)
    inside = mutated(_unpacked(seed), draw, [_unpacked(seeds[int(draw.integers(len(seeds)))])])
    if form == 1:
        return bytes(ORIGIN_BYTES) + inside
    return bytes(ORIGIN_BYTES) + zstandard.ZstdCompressor(level=1, write_checksum=form == 2).compress(inside)


def _unpacked(content: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(content)


_known: dict[bytes, bytes] = {}
"""What the seeds are read as, by their XXH3."""


def _read(data: bytes, folder: Path) -> str:
    origin, content = data[:ORIGIN_BYTES], data[ORIGIN_BYTES:]
    if any(origin) and not _known:
        _known.update({xxhash.xxh3_64(seed).digest(): _content(seed, folder) or b"" for seed in _seeds(folder)})
    found = _content(content, folder)
    if any(origin) and found != _known[origin]:
        raise SilentError("flipped bits were read as if nothing had happened")
    return "read" if found else "not a DBN file"


def _content(content: bytes, folder: Path) -> bytes | None:
    """Everything a file says, read as a day is, as one sum; None if it does not claim to be a file of Databento's."""
    path = folder / ("f.dbn.zst" if content[:4] == MAGIC_ZSTD else "f.dbn")
    path.write_bytes(content)
    told = read_header(path, path.name)
    if told is None:
        return None
    info, mappings = told
    sums = xxhash.xxh3_128(repr((info.dataset, info.schema, info.start_ns, info.end_ns, mappings)).encode())
    if info.readable:
        everything = [(number, 0, np.iinfo(np.int64).max) for number in sorted({row[1] for row in mappings})]
        for chunk in FileReader(info, Picks.of(everything, 0), may_stop=False):
            sums.update(chunk.tobytes())
    return sums.digest()


TARGET = Target("dbn", "Databento files (.dbn, .dbn.zst), every schema that is read", 0.987, _seeds, _draw, _read)
