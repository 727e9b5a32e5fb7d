"""Records of a Databento file as arrays: zstd in 1 MB chunks into one reused buffer, one compiled pass a chunk.

Every record layout is a whole number of 8-byte words, so one kernel on uint64[records, words] serves all schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import zstandard

from data.dbn_header import FileInfo, layout_word, open_body, read_exactly
from data.layout import WIRE
from data.rules import VANISHED, Repairs, broken
from utils.jit import njit

CHUNK_BYTES = 1 << 20
MAX_DISORDER = 0.01
"""Share of records older than their predecessor from which on a series is refused."""
MIN_DISORDERED = 10

Words = npt.NDArray[np.uint64]
Longs = npt.NDArray[np.int64]

# Words of a record that hold its index time; sequence where there is one (in the upper half of the word).
_TIME_WORD = {"trades": 4, "mbp-1": 4, "status": 2, "ohlcv-1s": 1, "ohlcv-1m": 1, "ohlcv-1d": 1}
_SEQUENCE_WORD = {"trades": 5, "mbp-1": 5}

# Slots of the state that is carried from chunk to chunk.
LAST_TIME, FILE_TIME, SELECTED, DISORDERED, DUPLICATES, FILE_DISORDERED, PUBLISHER, OTHER_PUBLISHER = range(8)
STATE_SIZE = 8


def time_field(schema: str) -> str:
    """The field that places a record in time: ts_recv, for bars ts_event (their start)."""
    return "ts_event" if schema.startswith("ohlcv") else "ts_recv"


class Picks(NamedTuple):
    """What to take from a file: records of `ids[k]` within [`starts[k]`, `ends[k]`) ns; one publisher unless 0."""

    ids: Longs
    starts: Longs
    ends: Longs
    publisher: int

    @classmethod
    def of(cls, rows: list[tuple[int, int, int]], publisher: int) -> Picks:
        """From (id, start, end) rows."""
        table = np.array(rows, dtype=np.int64).reshape(-1, 3)
        ids, starts, ends = (np.ascontiguousarray(table[:, k]) for k in range(3))
        return cls(ids, starts, ends, publisher)


@njit
def _wanted_nb(instrument, ts, ids, starts, ends):
    """Whether one of the picks takes the record."""
    found = False
    for k in range(len(ids)):
        found |= ids[k] == instrument and starts[k] <= ts < ends[k]
    return found


@njit
def _repeats_nb(record, previous, sequence_word):
    """Whether `record` equals the one before it; records without a sequence number (0) may do so honestly."""
    if sequence_word >= 0 and record[sequence_word] >> np.uint64(32) == 0:
        return False
    same = True
    for w in range(len(previous)):
        same &= record[w] == previous[w]
    return same


@njit
def select_nb(words, layout, time_word, sequence_word, clamp, ids, starts, ends, publisher, state, previous, out):
    """Copy the wanted records of `words` uint64[n, k] to `out` uint64[n, m], m <= k.

    layout: the low 16 bits (length, record type) that every record must have; clamp: whether to repair arrival times.
    state: int64[STATE_SIZE], previous: uint64[m], the last record taken; both are carried from chunk to chunk.
    Returns (records taken, index of the first record of another layout or -1).
    """
    taken = 0
    for i in range(len(words)):
        head = words[i, 0]
        if head & np.uint64(0xFFFF) != layout:
            return taken, i
        ts = np.int64(words[i, time_word])
        if ts < state[FILE_TIME]:
            state[FILE_DISORDERED] += 1
        else:
            state[FILE_TIME] = ts
        if not _wanted_nb(np.int64(head >> np.uint64(32)), ts, ids, starts, ends):
            continue
        source = np.int64((head >> np.uint64(16)) & np.uint64(0xFFFF))
        if publisher not in (0, source):
            continue
        if state[SELECTED] > 0 and _repeats_nb(words[i], previous, sequence_word):
            state[DUPLICATES] += 1
            continue
        _note_nb(state, source, ts)
        previous[:] = words[i, : len(previous)]
        out[taken] = previous
        if clamp and ts < state[LAST_TIME]:
            out[taken, time_word] = np.uint64(state[LAST_TIME])
        state[LAST_TIME] = max(state[LAST_TIME], ts)
        taken += 1
    return taken, -1


@njit
def _note_nb(state, source, ts):
    """Count the record that is about to be taken."""
    if state[SELECTED] == 0:
        state[PUBLISHER] = source
    state[OTHER_PUBLISHER] += source != state[PUBLISHER]
    state[DISORDERED] += ts < state[LAST_TIME]
    state[SELECTED] += 1


def new_state() -> Longs:
    """State before the first record."""
    state = np.zeros(STATE_SIZE, np.int64)
    state[LAST_TIME] = state[FILE_TIME] = np.iinfo(np.int64).min
    return state


def file_words(info: FileInfo) -> Iterator[Words]:
    """All records of the file as uint64[n, words] views of one reused buffer: valid until the next step.

    Raises DataError `checksum` or `truncated` with the record at which the file breaks, `vanished` if it is gone.
    """
    size = info.record_bytes
    buffer = bytearray(CHUNK_BYTES - CHUNK_BYTES % size)
    view = memoryview(buffer)
    seen = filled = 0
    try:
        with open_body(info.path, info.compressed) as stream:
            read_exactly(stream, info.data_offset)
            while count := stream.readinto(view[filled:]):  # pyright: ignore[reportAttributeAccessIssue]
                filled += count
                if filled < len(buffer):
                    continue
                yield np.frombuffer(buffer, np.uint64).reshape(-1, size // 8)
                seen += filled // size
                filled = 0
    except zstandard.ZstdError as why:
        raise broken("checksum", info.path, str(why), record=seen + filled // size) from why
    except FileNotFoundError as why:
        raise broken(VANISHED, info.path) from why
    whole = filled // size
    if whole:
        yield np.frombuffer(buffer, np.uint64, count=whole * size // 8).reshape(whole, -1)
    if filled % size:
        raise broken("truncated", info.path, "the last record is cut", record=seen + whole)


class FileReader:
    """One pass over a file for some of its records; `state` and `complete` tell afterwards how it went.

    `may_stop`: leave the file behind the last pick instead of reading on to its checksum. Only for files that were
    read to their end before and are in time order.
    """

    def __init__(self, info: FileInfo, picks: Picks, may_stop: bool) -> None:
        self.info = info
        self.state = new_state()
        self.complete = False
        self._picks = picks
        self._may_stop = may_stop

    def __iter__(self) -> Iterator[npt.NDArray[np.void]]:
        """Fresh arrays of the schema's wire dtype. Raises DataError with file, record and rule."""
        info, picks, state = self.info, self._picks, self.state
        dtype = WIRE[info.schema]
        layout = np.uint64(layout_word(info))
        previous = np.zeros(dtype.itemsize // 8, np.uint64)
        last = int(picks.ends.max()) if len(picks.ends) else 0
        seen = 0
        for words in file_words(info):
            out = np.empty((len(words), len(previous)), np.uint64)
            taken, bad = select_nb(
                words,
                layout,
                _TIME_WORD[info.schema],
                _SEQUENCE_WORD.get(info.schema, -1),
                not info.schema.startswith("ohlcv"),
                *picks,
                state,
                previous,
                out,
            )
            if bad >= 0:
                raise broken("record-layout", info.path, record=seen + bad)
            if taken:
                yield out[:taken].view(dtype).reshape(-1)
            seen += len(words)
            if self._may_stop and state[FILE_TIME] >= last:
                return
        self._check_order()
        self.complete = True

    @property
    def in_order(self) -> bool:
        """Whether the records read so far never go back in time."""
        return not self.state[FILE_DISORDERED]

    def _check_order(self) -> None:
        disordered = int(self.state[DISORDERED])
        if disordered > max(MIN_DISORDERED, MAX_DISORDER * int(self.state[SELECTED])):
            raise broken("order", self.info.path, f"{disordered:,} of {int(self.state[SELECTED]):,}")

    def count_repairs(self, repairs: Repairs) -> None:
        """Add what was mended in this pass."""
        repairs.count("out-of-order", int(self.state[DISORDERED]))
        repairs.count("duplicate", int(self.state[DUPLICATES]))
        repairs.count("publishers", int(self.state[OTHER_PUBLISHER]))


def file_records(info: FileInfo) -> Iterator[npt.NDArray[np.void]]:
    """All records of the file in its schema's wire dtype, as views valid until the next step (see `file_words`)."""
    dtype = WIRE[info.schema]
    for words in file_words(info):
        yield np.ascontiguousarray(words[:, : dtype.itemsize // 8]).view(dtype).reshape(-1)


def gathered(chunks: Iterator[npt.NDArray[np.void]], schema: str) -> npt.NDArray[np.void]:
    """All chunks as one array of the schema's wire dtype."""
    parts = list(chunks)
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.zeros(0, WIRE[schema])
