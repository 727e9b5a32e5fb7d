"""What an audit works on: a configuration, and the liveliest days of its data."""

from __future__ import annotations

import copy
import datetime as dt
import functools
from collections.abc import Sequence
from itertools import islice

from config.compose import load_config
from config.schema import Config
from data.calendar import date_number
from data.data_manager import DataManager, open_data
from data.market_day import MarketDay
from scripts.progress import counted
from simulators.market_simulator import MarketSimulator
from utils.errors import DataError
from utils.paths import anchored

BASE = "backtest"
OWN_DATA = (
    "data.source=sample",
    "data.cache=cache/audit",
    "sample.folder=cache/audit/files",
    "sample.symbols=[MLGO,NVDA,TSLA]",
    "sample.sessions=12",
    "env.decision_interval_s=1",
)
"""A small sample market, unless the command names other data."""
DAYS, QUICK_DAYS = 9, 4
LOG_EVERY_S = 5.0
PLACEHOLDERS = {"data.folder": "FOLDER", "data.cache": "cache"}
"""Words of a command that are another's business."""


class Audit:
    """One run of an audit."""

    def __init__(self, words: Sequence[str], *, quick: bool) -> None:
        """words: `key=value` changes of the configuration. Raises ConfigError for what it does not know."""
        self.words = tuple(words)
        self.quick = quick
        self._known: dict[tuple[str, ...], Config] = {}
        self._config = self._load()

    @property
    def config(self) -> Config:
        """The configuration; a copy that may be changed."""
        return copy.deepcopy(self._config)

    def variant(self, *words: str) -> Config:
        """The configuration with `words` on top; a copy that may be changed."""
        return copy.deepcopy(self._load(*words))

    def _load(self, *words: str) -> Config:
        if words not in self._known:
            self._known[words] = load_config(BASE, [*OWN_DATA, *self.words, *words])
        return self._known[words]

    @functools.cached_property
    def days(self) -> list[MarketDay]:
        """The days with the most volume that have quotes. Raises DataError if there is none."""
        config = self._config
        data = open_data(config.data, config.sample, config.timeline)
        simulator = MarketSimulator(data, config.timeline, anchored(config.data.cache))
        count = QUICK_DAYS if self.quick else DAYS
        liveliest = sorted(dollar_volumes(data), key=lambda row: (-row[0], row[1], row[2]))
        readable = (day for _, symbol, date in liveliest if len((day := simulator.day(symbol, date)).quotes))
        days: list[MarketDay] = []
        for _ in counted(range(min(count, len(liveliest))), "reading days", LOG_EVERY_S):
            days += islice(readable, 1)
        if not days:
            raise DataError("no day has quotes to trade against", rule="quotes", fix="add mbp-1 files to data.folder")
        return days

    @property
    def data_name(self) -> str:
        """The days in words, e.g. "AIG, BAC (2013-10-07 to 2013-10-09)"."""
        dates = sorted(day.date for day in self.days)
        symbols = ", ".join(sorted({day.symbol for day in self.days}))
        kind = "synthetic" if any(day.synthetic for day in self.days) else "real"
        return f"{len(self.days)} {kind} days: {symbols}, {dates[0]} to {dates[-1]}"

    def command(self, task: str) -> str:
        """What writes the page of an audit again."""
        words = ["./fx", task, "--docs", *(["--quick"] if self.quick else [])]
        for word in self.words:
            name, _, value = word.partition("=")
            text = f"{name}={PLACEHOLDERS.get(name, value)}"
            words.append(f"'{text}'" if set(text) & set(" []*'\"") else text)
        return " ".join(words)


def dollar_volumes(data: DataManager) -> list[tuple[float, str, dt.date]]:
    """(dollars traded, symbol, date) of every session; 0 where no daily bar tells."""
    found: list[tuple[float, str, dt.date]] = []
    for symbol in data.symbols():
        dollars = {int(bar["date"]): float(bar["volume"] * bar["close"]) for bar in data.daily(symbol)}
        found += [(dollars.get(date_number(day), 0.0), symbol, day) for day in data.sessions(symbol)]
    return found
