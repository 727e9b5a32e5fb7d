"""The head of a Databento file, and the cheap checks that need no decompression of its body.

A DBN file is "DBN", one version byte, a little-endian u32 length, that many bytes of metadata, then records of one
size back to back; `.zst` files hold this in one zstd frame. Sources: databento/dbn, RFC 8878 (zstd frames and blocks).
"""

from __future__ import annotations

import datetime as dt
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import databento_dbn
import numpy as np
import numpy.typing as npt
import zstandard

from data.layout import WIRE
from data.rules import broken
from utils.errors import DataError

MAGIC_DBN = b"DBN"
MAGIC_ZSTD = b"\x28\xb5\x2f\xfd"
MAGIC_DBZ = b"DBZ"
PREFIX = 8  # magic, version, length
MAX_METADATA = 1 << 28
MAX_FRAME_HEADER = 18
OPEN_END_NS = 2**63 - 1
"""`end_ns` of a file that does not say where it ends."""
TS_OUT_BYTES = 8
RTYPES = {"trades": 0, "mbp-1": 1, "status": 18, "ohlcv-1s": 32, "ohlcv-1m": 33, "ohlcv-1d": 35}
"""Record type by schema (databento_dbn.RType)."""
MAPPED_ONLY = ("definition",)
"""Schemas whose header is of use (symbols), but whose records are not read."""
DRAIN_BYTES = 1 << 20

INTERVAL = np.dtype([("symbol", "i4"), ("file", "i4"), ("id", "u4"), ("first", "i4"), ("end", "i4")])
"""`symbol` has instrument `id` in `file` on the UTC dates [first, end), as proleptic ordinals."""

Mapping = tuple[str, int, int, int]
"""(symbol, id, first ordinal, end ordinal)"""
Codes = dict[str, int]
"""Numbers of symbols, in the order in which they were met."""
_DATE_BITS = 21
"""(id, date) becomes one sortable number: the ordinal of a date needs 20 bits."""


@dataclass(frozen=True, kw_only=True)
class FileInfo:
    """What the scan knows of one file. Times in UTC ns, [start, end)."""

    path: Path
    name: str
    """Below the data folder, with forward slashes."""
    size: int
    mtime_ns: int
    dataset: str
    schema: str
    version: int
    start_ns: int
    end_ns: int
    data_offset: int
    """Bytes of decompressed head before the first record."""
    compressed: bool
    checksum: bool
    ts_out: bool
    limited: bool
    """Cut by a record limit in the request: coverage is not what the header's range says."""
    publisher: int
    """Of the first record, 0 if there is none."""
    empty: bool

    @property
    def readable(self) -> bool:
        """Whether its records are of use; of other schemas only the header is."""
        return self.schema in WIRE

    @property
    def record_bytes(self) -> int:
        """Size of one record in the file."""
        return WIRE[self.schema].itemsize + (TS_OUT_BYTES if self.ts_out else 0)


def open_body(path: Path, compressed: bool) -> BinaryIO:
    """The decompressed bytes of the file from its start."""
    file = path.open("rb")
    if not compressed:
        return file
    reader: Any = zstandard.ZstdDecompressor().stream_reader(file, read_size=1 << 18, closefd=True)
    return reader


def read_exactly(stream: BinaryIO, count: int) -> bytes:
    """Up to `count` bytes; fewer only at the end of the stream."""
    parts: list[bytes] = []
    while count > 0 and (part := stream.read(count)):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def frame_end(content: mmap.mmap | bytes) -> tuple[int, bool]:
    """(offset after the first zstd frame or -1 if it does not end, whether it has a checksum).

    Walks the block headers (RFC 8878, 3.1.1.2): 3 bytes each, so that a file of 100 MB takes a millisecond.
    """
    head = bytes(content[:MAX_FRAME_HEADER])
    parameters = zstandard.get_frame_parameters(head)
    at = zstandard.frame_header_size(head)
    size = len(content)
    last = False
    while not last:
        if at + 3 > size:
            return -1, parameters.has_checksum
        block = int.from_bytes(content[at : at + 3], "little")
        last = bool(block & 1)
        at += 3 + (1 if (block >> 1) & 3 == 1 else block >> 3)  # type 1 repeats a single byte
    at += 4 if parameters.has_checksum else 0
    return (at if at <= size else -1), parameters.has_checksum


def _check_frame(path: Path) -> bool:
    """Whether the frame has a checksum. Raises DataError `truncated` or `concatenated`."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            end, checksum = frame_end(content)
        except zstandard.ZstdError as why:
            raise broken("truncated", path, str(why)) from why
        if end < 0:
            raise broken("truncated", path)
        if end != len(content):
            raise broken("concatenated", path, f"frame of {end:,} bytes in a file of {len(content):,}")
    return checksum


def claims_dbn(path: Path) -> bool:
    """Whether the name says that this is a Databento file."""
    return path.name.endswith((".dbn", ".dbn.zst", ".dbz", ".dbz.zst"))


def _metadata(path: Path, stream: BinaryIO) -> tuple[Any, int, int]:
    """(metadata, DBN version, bytes of head); the decoder itself upgrades the version to the newest."""
    prefix = read_exactly(stream, PREFIX)
    if prefix[:3] == MAGIC_DBZ:
        raise broken("dbz", path)
    if len(prefix) < PREFIX and (prefix[:3] == MAGIC_DBN or claims_dbn(path)):
        raise broken("truncated", path, "inside the header")
    if prefix[:3] != MAGIC_DBN:
        raise broken("not-dbn", path)
    if prefix[3] not in (1, 2, 3):
        raise broken("version", path, f"version {prefix[3]}")
    length = int.from_bytes(prefix[4:], "little")
    body = read_exactly(stream, min(length, MAX_METADATA))
    if len(body) < length:
        raise broken("truncated" if length <= MAX_METADATA else "header", path, "inside the header")
    try:
        return databento_dbn.Metadata.decode(prefix + body), prefix[3], PREFIX + length
    except (databento_dbn.DBNError, ValueError, OverflowError) as why:
        raise broken("header", path, str(why)) from why


def _mappings(path: Path, metadata: Any) -> list[Mapping]:
    """All (symbol, id, dates) of the header, whichever way round the request asked for them."""
    by_id = str(metadata.stype_in) == "instrument_id"
    found: list[Mapping] = []
    try:
        for name, intervals in metadata.mappings.items():
            for interval in intervals:
                symbol, number = (interval["symbol"], name) if by_id else (name, interval["symbol"])
                if not symbol or not number:
                    continue  # a gap in the map: the symbol did not trade on these dates
                if symbol in (".", "..") or not symbol.isprintable():  # folders and lines of logs are named by it
                    raise broken("header", path, f"{symbol!r} is no name of a symbol")
                first: dt.date = interval["start_date"]
                end: dt.date = interval["end_date"]
                found.append((symbol, int(number), first.toordinal(), end.toordinal()))
    except ValueError as why:
        raise broken("no-symbols", path, f"ids are not numbers: {why}") from why
    if not found:
        raise broken("no-symbols", path)
    return sorted(found)  # the decoder gives them in any order, another one every time


def _first_record(path: Path, stream: BinaryIO, schema: str, ts_out: bool) -> bytes:
    """The first record's bytes, empty if the file has none. Raises DataError `record-layout`, `truncated`."""
    size = WIRE[schema].itemsize + (TS_OUT_BYTES if ts_out else 0)
    record = read_exactly(stream, size)
    if record and (len(record) < 2 or record[0] * 4 != size or record[1] != RTYPES[schema]):
        raise broken("record-layout", path, f"not a {schema} record", record=0)
    if record and len(record) < size:
        raise broken("truncated", path, "inside the first record")
    return record


def read_header(path: Path, name: str, checked: bool = False) -> tuple[FileInfo, list[Mapping]] | None:
    """Describe the file, or None if it is no Databento file and its name does not say so.

    `checked`: the frame's structure was found whole before (same size and time of change), so it is not walked again.
    Raises DataError with the rule that the file breaks.
    """
    stat = path.stat()
    if stat.st_size == 0:
        if claims_dbn(path):
            raise broken("empty-file", path)
        return None
    with path.open("rb") as file:
        magic = file.read(4)
    compressed = magic == MAGIC_ZSTD
    if not compressed and magic[:3] not in (MAGIC_DBN, MAGIC_DBZ):
        if claims_dbn(path):
            raise broken("not-dbn", path)
        return None
    try:
        with open_body(path, compressed) as stream:
            metadata, version, offset = _metadata(path, stream)
            return _describe(path, name, stat, metadata, version, offset, stream, compressed, checked)
    except zstandard.ZstdError as why:
        if not claims_dbn(path):
            return None
        raise broken("checksum", path, str(why)) from why
    except DataError as why:
        if why.rule == "not-dbn" and not claims_dbn(path):
            return None
        raise


def _describe(
    path: Path,
    name: str,
    stat: Any,
    metadata: Any,
    version: int,
    offset: int,
    stream: BinaryIO,
    compressed: bool,
    checked: bool,
) -> tuple[FileInfo, list[Mapping]]:
    schema = str(metadata.schema) if metadata.schema is not None else "mixed"
    if schema not in WIRE and schema not in MAPPED_ONLY:
        raise broken("schema", path, schema)
    checksum = False
    if compressed:
        checksum = zstandard.get_frame_parameters(_head(path)).has_checksum if checked else _check_frame(path)
    if schema in MAPPED_ONLY and not checked:
        while stream.read(DRAIN_BYTES):  # nobody else reads to where the checksum is, and the head has to be true
            pass
    first = _first_record(path, stream, schema, bool(metadata.ts_out)) if schema in WIRE else b""
    mappings = _mappings(path, metadata)
    end = metadata.end
    info = FileInfo(
        path=path,
        name=name,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        dataset=str(metadata.dataset),
        schema=schema,
        version=version,
        start_ns=int(metadata.start),
        end_ns=OPEN_END_NS if end is None or int(end) >= OPEN_END_NS else int(end),
        data_offset=offset,
        compressed=compressed,
        checksum=checksum,
        ts_out=bool(metadata.ts_out),
        limited=metadata.limit is not None,
        publisher=int.from_bytes(first[2:4], "little"),
        empty=not first,
    )
    if not compressed and schema in WIRE and (stat.st_size - offset) % info.record_bytes:
        raise broken("truncated", path, "the last record is cut")
    return info, mappings


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_FRAME_HEADER)


def layout_word(info: FileInfo) -> int:
    """The first two bytes (length / 4, record type) of every record of the file, as one number."""
    return info.record_bytes // 4 | RTYPES[info.schema] << 8


def coded(mappings: list[Mapping], codes: Codes) -> npt.NDArray[np.void]:
    """INTERVAL rows of a file (`file` is still 0). A symbol that is new to `codes` gets the next number.

    Twenty bytes a row instead of a few hundred: files of the whole market hold thousands of rows each.
    """
    rows = [(codes.setdefault(symbol, len(codes)), 0, number, first, end) for symbol, number, first, end in mappings]
    return np.array(rows, INTERVAL)


class IdTable:
    """Which symbol has an instrument id on a UTC date, in one file."""

    def __init__(self, intervals: npt.NDArray[np.void]) -> None:
        """intervals: INTERVAL rows of the file."""
        self._rows = intervals[np.lexsort((intervals["first"], intervals["id"]))]
        self._starts = self._rows["id"].astype(np.int64) << _DATE_BITS | self._rows["first"]

    def find(
        self, numbers: npt.NDArray[np.integer], ordinals: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.void], npt.NDArray[np.bool_]]:
        """(INTERVAL rows [n], whether they hold [n]) of ids [n] on dates [n], as proleptic ordinals."""
        if not len(self._rows):
            return np.zeros(len(numbers), INTERVAL), np.zeros(len(numbers), np.bool_)
        wanted = numbers.astype(np.int64) << _DATE_BITS | ordinals
        at = np.searchsorted(self._starts, wanted, side="right") - 1
        found = self._rows[np.maximum(at, 0)]
        return found, (at >= 0) & (found["id"] == numbers) & (ordinals < found["end"])
