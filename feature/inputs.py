"""What the feature kernels read: columns of a day, and series derived from them, each computed once when asked for.

| name | value |
|---|---|
| `bar.close`, `market.quote_age` | a column of the day's tables, [57600] |
| `minute.high` | of the completed 1-minute bars (`Minute`), [960] |
| `daily.close` | of the previous sessions, [30] |
| `day.open_s`, `day.previous_close` | a number of the day |
| `day.clock_volume` | [960] |
| `prefix:NAME` | sums of NAME[:t], one entry longer than NAME |
| any other | derived, registered with `@series` (see `feature/series.py`) |
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from data.layout import Bar, Daily, Market
from data.market_day import MarketDay
from feature.kernels import prefix_nb, transpose_nb
from utils.errors import ConfigError, nearest

Array = npt.NDArray[np.float64]
Input = Array | float
S = TypeVar("S", bound=Callable[..., Any])


class Minute(IntEnum):
    """Rows of the series "table.minute", [len(Minute), 960]; prices are NaN before the day's first."""

    OPEN = 0  # first trade of the minute; the last price carried forward where there was none
    HIGH = 1
    LOW = 2
    CLOSE = 3
    VOLUME = 4  # shares
    BUY_VOLUME = 5
    SELL_VOLUME = 6
    OFI = 7  # order-flow imbalance, shares
    OFI_SIZE = 8  # sum of the seconds' absolute order-flow imbalances
    VWAP = 9  # of the session so far


_TABLES: dict[str, type[IntEnum]] = {"bar": Bar, "market": Market, "daily": Daily, "minute": Minute}
_DAY: dict[str, Callable[[MarketDay], Input]] = {
    "table.bar": lambda day: _columns(day.bars),
    "table.daily": lambda day: _columns(day.daily),
    "day.first_s": lambda _: 0.0,
    "day.open_s": lambda day: float(day.open_s),
    "day.close_s": lambda day: float(day.close_s),
    "day.end_s": lambda day: float(day.end_s),
    "day.previous_close": lambda day: float(day.previous_close),
    "day.clock_volume": lambda day: np.array(day.clock_volume),
}
_SERIES: dict[str, tuple[Callable[..., Input], tuple[str | float, ...]]] = {}


def series(name: str, *arguments: str | float) -> Callable[[S], S]:
    """Register the decorated kernel as the series `name`: text arguments are names of inputs, numbers stay numbers."""

    def register(kernel: S) -> S:
        _SERIES[name] = (kernel, arguments)
        return kernel

    return register


def known(name: str) -> bool:
    """Whether an input of that name can be computed."""
    group, _, column = name.partition(".")
    if name.startswith("prefix:"):
        return known(name.removeprefix("prefix:"))
    return name in names() or (group in _TABLES and column.upper() in _TABLES[group].__members__)


def names() -> tuple[str, ...]:
    """Every input by name, prefix sums left out."""
    columns = [f"{group}.{column.name.lower()}" for group, table in _TABLES.items() for column in table]
    return (*columns, *_DAY, *_SERIES)


class DayInputs:
    """The named inputs of one day, computed when first asked for and then kept."""

    def __init__(self, day: MarketDay) -> None:
        self._day = day
        self._kept: dict[str, Input] = {}

    def __getitem__(self, name: str) -> Any:
        """Array or number of that name. Raises ConfigError if there is none."""
        if name not in self._kept:
            self._kept[name] = self._make(name)
        return self._kept[name]

    def _make(self, name: str) -> Input:
        if name in _SERIES:
            kernel, arguments = _SERIES[name]
            return kernel(*(self[a] if isinstance(a, str) else a for a in arguments))
        if name.startswith("prefix:"):
            return prefix_nb(self[name.removeprefix("prefix:")])
        group, _, column = name.partition(".")
        if group in _TABLES and column.upper() in _TABLES[group].__members__:
            return self._column(group, _TABLES[group][column.upper()])
        if name in _DAY:
            return _DAY[name](self._day)
        raise ConfigError(f"there is no feature input {name!r}", where="feature/inputs.py", near=nearest(name, names()))

    def _column(self, group: str, index: int) -> Array:
        """A contiguous column. Few of the market's are read, nearly all of the others': those are turned at once."""
        if group == "market":
            return np.ascontiguousarray(self._day.market[:, index])
        return self[f"table.{group}"][index]


def _columns(table: Array) -> Array:
    """f64 [rows, columns], memory-mapped or not -> contiguous [columns, rows]."""
    view = np.asarray(table).view()
    view.flags.writeable = False  # one numba specialisation for both
    return transpose_nb(view)
