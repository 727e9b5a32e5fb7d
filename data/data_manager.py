"""What the rest of the system asks of market data: sessions, events, daily context, hashes. One per process tree."""

from __future__ import annotations

import datetime as dt
import io
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import DataConfig, SampleMarketConfig, TimelineConfig
from data.calendar import date_number, numbered_date, previous_sessions, session
from data.corporate_actions import Splits
from data.databento_provider import DATABENTO, DatabentoProvider
from data.dbn_stream import gathered
from data.layout import DAILY_ROWS, MINUTES, Daily
from data.minute_bars import SOURCES, Minute, daily_bar, minute_bars
from data.provider import DataProvider, open_provider
from data.reference import Reference
from data.rules import RULES, VANISHED, broken
from utils.atomic import write_bytes
from utils.errors import ConfigError, DataError, nearest
from utils.hashing import FileHashes, text_hash
from utils.logger import get_logger
from utils.paths import anchored, shown

log = get_logger(__name__)

AVERAGE_SESSIONS = 20
"""Sessions in the average daily volume."""
SYNTHETIC = "SYNTHETIC"
"""Dataset codes of generated data begin with this."""
MINUTES_KEPT = 512
"""Sessions of minute bars kept in memory, 38 kB each."""
_MINUTE_FORMAT = "1"


class DayContext(NamedTuple):
    """What is known of a symbol before the session; prices and volumes are split-adjusted to its date."""

    previous_close: float
    """Of the last earlier daily bar, dollars; 0 if there is none."""
    adjustment: float
    """Factor that was applied to the previous session's prices, 1 if none."""
    daily: npt.NDArray[np.float64]
    """[30, 5] (columns: layout.Daily), oldest first, zero rows in front where unknown."""
    clock_volume: npt.NDArray[np.float64]
    """[960] mean volume by the end of each minute over the previous sessions, 0 if unknown."""
    average_volume: float
    """Mean daily volume of up to 20 previous sessions, shares; 0 if unknown."""
    shares_outstanding: float = 0.0
    """As known that morning; 0 if unknown."""
    float_shares: float = 0.0
    """Shares that the public may trade, as known that morning; 0 if unknown."""


class DataManager:
    """One symbol-day at a time, over one provider. Picklable: workers get a copy."""

    def __init__(self, provider: DataProvider, config: DataConfig, timeline: TimelineConfig) -> None:
        self._provider = provider
        self._config = config
        self._volume_sessions = timeline.clock_volume_sessions
        self._cache = anchored(config.cache)
        self._hashes = FileHashes(self._cache / "hashes.jsonl")
        self._splits = Splits.read(provider.folder, config.splits)
        self._reference = Reference.read(provider.folder)
        self._derived: dict[str, npt.NDArray[np.void]] = {}
        self._minutes: OrderedDict[Path, npt.NDArray[np.float64]] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """Without the bars that are also in the cache."""
        return {**self.__dict__, "_derived": {}, "_minutes": OrderedDict()}

    @property
    def provider(self) -> DataProvider:
        """Where the records come from; its `quarantined` lists the files left out."""
        return self._provider

    # ------------------------------------------------------------ what there is
    def symbols(self) -> list[str]:
        """All symbols, sorted."""
        return self._provider.symbols()

    def resolve(self, symbol: str) -> str:
        """The symbol as the files write it; case is ignored. Raises DataError with the nearest names."""
        known = self._provider.symbols()
        if symbol in known:
            return symbol
        alike = [s for s in known if s.lower() == symbol.strip().lower()]
        if len(alike) == 1:
            return alike[0]
        raise self._provider.unknown_symbol(symbol)

    def sessions(self, symbol: str) -> list[dt.date]:
        """Sessions with event data (mbp-1 or trades), in order."""
        return self._provider.covered(symbol, tuple(self._config.schema_priority))

    def synthetic(self, symbol: str, date: dt.date) -> bool:
        """Whether the session's events are generated, by the dataset code in their header."""
        return self._provider.dataset(symbol, date, self._schema(symbol, date)).startswith(SYNTHETIC)

    # ------------------------------------------------------------ events
    def _schema(self, symbol: str, date: dt.date) -> str:
        there = self._provider.schemas(symbol, date)
        found = next((s for s in self._config.schema_priority if s in there), None)
        if found is None:
            raise self._provider.missing(symbol, date, self._config.schema_priority[0])
        return found

    def events(self, symbol: str, date: dt.date) -> tuple[str, Iterator[npt.NDArray[np.void]]]:
        """(schema, chunks in wire dtype) of the session, by `data.schema_priority`.

        Raises DataError at once where there is nothing, and while reading where a file is damaged: throw away what
        was read and leave the day out.
        """
        schema = self._schema(symbol, date)
        return schema, self._provider.chunks(symbol, date, schema)

    def status(self, symbol: str, date: dt.date) -> npt.NDArray[np.void] | None:
        """WIRE_STATUS of the session, None where no status file covers it. Raises DataError if it is damaged."""
        if "status" not in self._provider.schemas(symbol, date):
            return None
        return gathered(self._provider.chunks(symbol, date, "status"), "status")

    def _hash(self, path: Path) -> str:
        """Content hash of a data file. Raises DataError `vanished` if it is gone."""
        try:
            return self._hashes.of(path)
        except FileNotFoundError as why:
            raise broken(VANISHED, path) from why

    # ------------------------------------------------------------ minutes
    def _minute_schema(self, symbol: str, date: dt.date) -> str | None:
        there = self._provider.schemas(symbol, date)
        return next((s for s in SOURCES if s in there), None)

    def _minute_bars(self, symbol: str, date: dt.date) -> npt.NDArray[np.float64] | None:
        """[960, 5] of the session, kept in the cache by content; None where nothing covers it."""
        schema = self._minute_schema(symbol, date)
        if schema is None:
            return None
        files = [self._hash(p) for p in self._provider.source_files(symbol, date, schema)]
        made_by = str(self._config.publisher), self._provider.fingerprint
        key = text_hash(_MINUTE_FORMAT, symbol, date.isoformat(), schema, *made_by, *files)
        path = self._cache / "minute_volume" / f"{symbol}-{date}-{key[:16]}.npy".replace("/", "_")
        if path in self._minutes:
            self._minutes.move_to_end(path)
            return self._minutes[path]
        if path.exists():
            bars: npt.NDArray[np.float64] = np.load(path, allow_pickle=False)
        else:
            bars = minute_bars(self._provider.chunks(symbol, date, schema), schema, session(date))
            write_bytes(path, _npy(bars))
        self._minutes[path] = bars
        if len(self._minutes) > MINUTES_KEPT:
            self._minutes.popitem(last=False)
        return bars

    def minute_volume(self, symbol: str, date: dt.date) -> npt.NDArray[np.float64]:
        """[960] shares traded by minute, from the cheapest schema there is.

        Raises DataError where nothing covers the session or a file is damaged.
        """
        bars = self._minute_bars(symbol, date)
        if bars is None:
            raise self._provider.missing(symbol, date, SOURCES[0])
        return bars[:, Minute.VOLUME]

    def _quiet_bars(self, symbol: str, date: dt.date) -> npt.NDArray[np.float64] | None:
        """As `_minute_bars`; a damaged file is logged and counts as not there, as earlier days are only context."""
        try:
            return self._minute_bars(symbol, date)
        except DataError as why:
            if why.rule == VANISHED:
                raise
            log.warning("%s %s is left out of the context of later days: %s", symbol, date, why.what)
            return None

    # ------------------------------------------------------------ daily bars
    def daily(self, symbol: str) -> npt.NDArray[np.void]:
        """DAILY_BAR by date, raw prices: from ohlcv-1d, and made of intraday records on dates without."""
        if symbol not in self._derived:
            self._derived[symbol] = self._all_daily(symbol)
        return self._derived[symbol]

    def _all_daily(self, symbol: str) -> npt.NDArray[np.void]:
        official = self._provider.daily(symbol)
        known = set(official["date"].tolist())
        made: list[npt.NDArray[np.void]] = []
        for date in self._provider.covered(symbol, SOURCES):
            if date_number(date) in known:
                continue
            bars = self._quiet_bars(symbol, date)
            bar = None if bars is None else daily_bar(bars, session(date))
            if bar is not None:
                made.append(bar)
        if not made:
            return official
        both = np.concatenate([official, *made])
        return both[np.argsort(both["date"], kind="stable")]

    # ------------------------------------------------------------ context
    def context(self, symbol: str, date: dt.date) -> DayContext:
        """What was known before the session. Never reads the session itself or anything later."""
        bars = self.daily(symbol)
        count = int(np.searchsorted(bars["date"], date_number(date)))
        earlier = bars[max(0, count - DAILY_ROWS) : count]
        daily = np.zeros((DAILY_ROWS, len(Daily)))
        factors = np.array([self._splits.factor(symbol, numbered_date(int(d)), date) for d in earlier["date"]])
        rows = daily[DAILY_ROWS - len(earlier) :]
        for column, name in ((Daily.OPEN, "open"), (Daily.HIGH, "high"), (Daily.LOW, "low"), (Daily.CLOSE, "close")):
            rows[:, column] = earlier[name] * factors
        rows[:, Daily.VOLUME] = earlier["volume"] / factors
        volumes = rows[-AVERAGE_SESSIONS:, Daily.VOLUME]
        clock = self._clock_volume(symbol, date)
        average = float(volumes.mean()) if len(volumes) else float(clock[-1])
        previous = float(rows[-1, Daily.CLOSE]) if len(rows) else 0.0
        adjustment = float(factors[-1]) if len(rows) else 1.0
        shares = self._reference.shares(symbol, date, self._splits)
        return DayContext(previous, adjustment, daily, clock, average, *shares)

    def _clock_volume(self, symbol: str, date: dt.date) -> npt.NDArray[np.float64]:
        total, count = np.zeros(MINUTES), 0
        for earlier in previous_sessions(date, self._volume_sessions):
            bars = self._quiet_bars(symbol, earlier)
            if bars is not None:
                total += bars[:, Minute.VOLUME] / self._splits.factor(symbol, earlier, date)
                count += 1
        self._hashes.save()
        return np.cumsum(total) / count if count else total

    def sources(self, symbol: str, date: dt.date) -> dict[str, str]:
        """Content hash by name of everything a day is made of: its files, and "context" for what comes before.

        Cheap once known: files are looked at again only when their size or time of change differs.
        """
        schema = self._schema(symbol, date)
        paths = self._provider.source_files(symbol, date, schema)
        if "status" in self._provider.schemas(symbol, date):
            paths = paths + self._provider.source_files(symbol, date, "status")
        found = {self._provider.name_of(p): self._hash(p) for p in paths}
        self._hashes.save()
        context = self.context(symbol, date)
        scalars = [context.previous_close, context.adjustment, context.average_volume]
        scalars += [context.shares_outstanding, context.float_shares]
        parts = (np.array(scalars), context.daily, context.clock_volume)
        made_by = str(self._config.publisher), self._provider.fingerprint
        found["context"] = text_hash(*made_by, *(p.tobytes().hex() for p in parts))
        return found


def _npy(array: npt.NDArray[np.float64]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def open_data(data: DataConfig, sample: SampleMarketConfig, timeline: TimelineConfig) -> DataManager:
    """The market data that `data.source` names: files, sample, or auto (files if the folder holds any).

    Files are read by `data.provider`; whoever has chosen another one than Databento's never gets the sample instead.

    Raises ConfigError on another word, DataError if the folder holds nothing to read.
    """
    options = ("files", "sample", "auto")
    if data.source not in options:
        raise ConfigError(
            f"data.source is {data.source!r}",
            near=nearest(data.source, options) or options,
            fix="data.source=auto",
        )
    if data.source != "sample":
        provider = open_provider(data)
        if provider.symbols():
            return DataManager(provider, data, timeline)
        if data.source == "files" or provider.quarantined or data.provider != DATABENTO:
            raise _nothing(provider, data.provider)
    from data.sample_market import ensure_sample_market

    return DataManager(DatabentoProvider(ensure_sample_market(sample), data), data, timeline)


def _nothing(provider: DataProvider, name: str) -> DataError:
    left = provider.quarantined
    there = f"only {len(left)} damaged or unusable ones" if left else "no Databento files"
    if name != DATABENTO:
        there = f"nothing that data.provider={name} can read"
    if not provider.folder.is_dir():
        there = "nothing: the folder does not exist"
    return DataError(
        f"{shown(provider.folder)} holds {there}",
        rule=RULES["no-files"].name,
        where=provider.folder,
        near=[f"{q.path.name} ({q.rule})" for q in left[:3]],
        fix="put .dbn or .dbn.zst files there, set data.folder=PATH, or run on the sample market: data.source=sample",
    )
