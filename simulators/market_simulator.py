"""Events in, days out: `MarketSimulator.day` makes a symbol's day once and memory-maps it from then on."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import functools
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numba
import numpy as np
import numpy.typing as npt
import xxhash

from config.schema import TimelineConfig
from data.calendar import session
from data.market_day import ARRAYS, MarketDay
from simulators.timeline import FROM_BARS, DayContext, build_day
from utils.atomic import remove_folder
from utils.errors import DataError
from utils.hashing import json_hash, text_hash
from utils.logger import get_logger
from utils.paths import ROOT, path_part, shown
from utils.shared_store import SharedStore

log = get_logger(__name__)

OPEN_DAYS = 64
"""Days kept open; each holds one file descriptor."""
_KEY_LENGTH = 16
_LEFT_OVER_S = 3600.0
SOURCES = (
    "data/*.py",
    "simulators/timeline_layout.py",
    "simulators/timeline.py",
    "simulators/timeline_kernels.py",
    "simulators/market_kernels.py",
    "simulators/luld_kernels.py",
    "simulators/halt_kernels.py",
    "simulators/halts.py",
    "simulators/market_simulator.py",
)
"""What decides how a day looks: a change in one of these makes all days anew."""
NO_INFLUENCE = ("data/dbn_writer.py", "data/sample_", "data/split.py")
"""Beginnings of names that are left out of them."""


class DayData(Protocol):
    """Where days come from; `data.data_manager.DataManager` is the one in use."""

    def context(self, symbol: str, date: dt.date) -> DayContext: ...
    def events(self, symbol: str, date: dt.date) -> tuple[str, Iterator[npt.NDArray[np.void]]]: ...
    def status(self, symbol: str, date: dt.date) -> npt.NDArray[np.void] | None: ...
    def sources(self, symbol: str, date: dt.date) -> Mapping[str, str]: ...  # content hashes, context included
    def synthetic(self, symbol: str, date: dt.date) -> bool: ...


@functools.cache
def timeline_code_hash() -> str:
    """Changes with the sources that decide what a day looks like, and with numba's and numpy's version."""
    digest = xxhash.xxh3_128()
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(NO_INFLUENCE):
                digest.update(name.encode() + b"\0" + path.read_bytes())
    return text_hash(digest.hexdigest(), numba.__version__, np.__version__)


class MarketSimulator:
    """Builds days and caches them in `cache`/days/SYMBOL/DATE-KEY. Picklable; a copy starts with no day open.

    One process takes the files of a day as fixed once it has opened that day.
    """

    def __init__(self, data: DayData, config: TimelineConfig, cache: Path, shared: SharedStore | None = None) -> None:
        """shared: where days of other machines are taken from, and this one's are put."""
        self._data = data
        self._config = config
        self._folder = cache / "days"
        self._shared = shared
        self._open: OrderedDict[tuple[str, dt.date], MarketDay] = OrderedDict()

    def day(self, symbol: str, date: dt.date) -> MarketDay:
        """The day, from memory, else from the cache, else made from its files; from bars it is made every time.

        Raises DataError if there are no events of `symbol` on `date`.
        """
        name = (symbol, date)
        day = self._open.pop(name, None)
        if day is None:
            day = self._stored(symbol, date)
        if FROM_BARS in day.notes:  # seen once, by a scan of a whole market: neither disk nor memory is for them
            return day
        self._open[name] = day
        if len(self._open) > OPEN_DAYS:
            self._open.popitem(last=False)
        return day

    @functools.cached_property
    def fingerprint(self) -> str:
        """Hash of what every day is made with besides its data: configuration and code. For caches of what is seen."""
        return text_hash(json_hash(dataclasses.asdict(self._config)), timeline_code_hash())

    def build(self, symbol: str, date: dt.date) -> MarketDay:
        """The day from its files, past the cache. Raises as `day`."""
        sources = dict(self._data.sources(symbol, date))
        context = self._data.context(symbol, date)
        schema, chunks = self._data.events(symbol, date)
        built = build_day(session(date), symbol, schema, chunks, self._data.status(symbol, date), context, self._config)
        day = MarketDay(
            symbol=symbol,
            date=date,
            synthetic=self._data.synthetic(symbol, date),
            sources=sources,
            key=self._key(symbol, sources),
            **built,
        )
        for name in ARRAYS:
            getattr(day, name).setflags(write=False)
        return day

    def key(self, symbol: str, date: dt.date) -> str:
        """What the day is stored under."""
        return self._key(symbol, self._data.sources(symbol, date))

    def _key(self, symbol: str, sources: Mapping[str, str]) -> str:
        """Of all that a day is made from: file contents, what was known before, code, configuration."""
        return text_hash(symbol, json_hash(dict(sources)), self.fingerprint)[:_KEY_LENGTH]

    def _stored(self, symbol: str, date: dt.date) -> MarketDay:
        """From the cache; what is not there, or is damaged, is fetched, or built and stored, first."""
        name = f"{path_part(symbol)}/{date.isoformat()}-{self.key(symbol, date)}"
        folder = self._folder / name
        if (stored := _whole(folder)) is not None:
            return stored
        fetched = self._shared is not None and self._shared.fetch(f"days/{name}", folder)
        if fetched and (stored := _whole(folder)) is not None:
            return stored
        day = self.build(symbol, date)
        if FROM_BARS in day.notes:
            return day
        day = _store(day, folder)
        if self._shared is not None:
            self._shared.put(f"days/{name}", folder)
        return day

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}


def _whole(folder: Path) -> MarketDay | None:
    """The day that is stored there; None if there is none, or a damaged one, which is removed."""
    try:
        return MarketDay.open(folder)
    except FileNotFoundError:
        if not folder.exists():
            return None
    except DataError as damage:
        log.warning("%s: %s; it is made again", shown(folder), damage.what)
    remove_folder(folder)
    return None


def _store(day: MarketDay, folder: Path) -> MarketDay:
    """Save the day as `folder`, drop what was stored of the same symbol and date under other keys, open it.

    Other processes may be doing the same: what they stored meanwhile is used if it is whole.
    """
    if (stored := _whole(folder)) is not None:
        return stored
    day.save(folder)
    for old in folder.parent.glob(f"{day.date.isoformat()}-*"):
        if old != folder:
            remove_folder(old)
    for left in folder.parent.glob(f".{day.date.isoformat()}-*"):  # of processes that were killed
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _LEFT_OVER_S:
                remove_folder(left)
    return _whole(folder) or day  # replaced by a process with another configuration
