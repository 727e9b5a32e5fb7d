"""Events in, days out: `MarketSimulator.day` makes a symbol's day once and memory-maps it from then on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import shutil
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
from data.market_day import MarketDay
from simulators.timeline import DayContext, build_day
from utils.errors import DataError
from utils.hashing import json_hash, text_hash
from utils.logger import get_logger
from utils.paths import ROOT

log = get_logger(__name__)

OPEN_DAYS = 64
"""Days kept open; each holds one file descriptor."""
_KEY_LENGTH = 16
_SOURCES = ("data/*.py", "simulators/layout.py", "simulators/halts.py", "simulators/market_simulator.py")
_KERNELS = ("simulators/timeline.py", "simulators/timeline_kernels.py", "simulators/market_kernels.py")
_NO_INFLUENCE = ("data/dbn_writer.py", "data/sample_", "data/split.py")


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
    for pattern in (*_SOURCES, *_KERNELS):
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(_NO_INFLUENCE):
                digest.update(name.encode() + b"\0" + path.read_bytes())
    return text_hash(digest.hexdigest(), numba.__version__, np.__version__)


def day_key(symbol: str, sources: Mapping[str, str], config: TimelineConfig) -> str:
    """Hash of all that a day is made from: file contents and what was known before (`sources`), code, configuration."""
    parts = {"symbol": symbol, "sources": dict(sources), "config": dataclasses.asdict(config)}
    return text_hash(json_hash(parts), timeline_code_hash())[:_KEY_LENGTH]


class MarketSimulator:
    """Builds days and caches them in `cache`/days/SYMBOL/DATE-KEY. Picklable; a copy starts with no day open.

    One process takes the files of a day as fixed once it has opened that day.
    """

    def __init__(self, data: DayData, config: TimelineConfig, cache: Path) -> None:
        self._data = data
        self._config = config
        self._folder = cache / "days"
        self._open: OrderedDict[tuple[str, dt.date], MarketDay] = OrderedDict()

    def day(self, symbol: str, date: dt.date) -> MarketDay:
        """The day, from memory, else from the cache, else made from its files.

        Raises DataError if there are no events of `symbol` on `date`.
        """
        name = (symbol, date)
        day = self._open.pop(name, None)
        if day is None:
            day = self._stored(symbol, date)
        self._open[name] = day
        if len(self._open) > OPEN_DAYS:
            self._open.popitem(last=False)
        return day

    @property
    def fingerprint(self) -> str:
        """Hash of what every day is made with besides its data: configuration and code. For caches of what is seen."""
        return text_hash(json_hash(dataclasses.asdict(self._config)), timeline_code_hash())

    def build(self, symbol: str, date: dt.date) -> MarketDay:
        """The day from its files, past the cache. Raises as `day`."""
        sources = dict(self._data.sources(symbol, date))
        context = self._data.context(symbol, date)
        schema, chunks = self._data.events(symbol, date)
        built = build_day(session(date), schema, chunks, self._data.status(symbol, date), context, self._config)
        return MarketDay(
            symbol=symbol,
            date=date,
            synthetic=self._data.synthetic(symbol, date),
            sources=sources,
            key=day_key(symbol, sources, self._config),
            **built,
        )

    def _stored(self, symbol: str, date: dt.date) -> MarketDay:
        """From the cache; what is not there, or is damaged, is built and stored first."""
        key = day_key(symbol, self._data.sources(symbol, date), self._config)
        folder = self._folder / symbol.replace("/", "_") / f"{date.isoformat()}-{key}"
        try:
            return MarketDay.open(folder)
        except FileNotFoundError:
            log.debug("%s %s is not in the cache", symbol, date)
        except DataError as damage:
            log.warning("%s %s: %s; it is made again", symbol, date, damage.what)
        day = self.build(symbol, date)
        _remove(folder)  # whatever is there could not be opened
        day.save(folder)
        for old in folder.parent.glob(f"{date.isoformat()}-*"):
            if old != folder:
                _remove(old)
        return MarketDay.open(folder)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_open": OrderedDict()}


def _remove(folder: Path) -> None:
    """Another process may be removing the same folder: what is gone is gone. Open maps of it stay valid."""
    shutil.rmtree(folder, ignore_errors=True)
