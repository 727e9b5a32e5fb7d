"""What the feature kernels read. An input is written as an expression, and computed once however many features use it.

| expression | value |
|---|---|
| `bar.close`, `market.quote_age` | a column of the day's tables, by second |
| `minute.high` | of the 1-minute bars (`Minute`), by minute |
| `daily.close` | of the 30 previous sessions |
| `day.open_s`, `day.previous_close` | a number of the day |
| `day.clock_volume` | mean cumulative volume of previous sessions, by minute |
| `mid` | a named series: an operator with fixed arguments (see `feature/series.py`) |
| `ema(mid, 20)`, `total(bar.volume)` | an operator applied to expressions and numbers |

A kernel fills rows [first, stop) of its output and finds the rows before them as it left them: all it remembers is what
it wrote. So a whole day and a day that grows second by second give the same bits.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from enum import IntEnum
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from data.layout import DAILY_ROWS, MINUTES, SECONDS, Bar, Daily, Market
from data.market_day import MarketDay
from utils.errors import ConfigError, nearest

Array = npt.NDArray[np.float64]
F = TypeVar("F", bound=Callable[..., Any])


class Rows(IntEnum):
    """How long a series is."""

    SESSION = DAILY_ROWS
    MINUTE = MINUTES
    SECOND = SECONDS


class Minute(IntEnum):
    """Rows of the series `table.minute`, [len(Minute), 960]; prices are NaN before the day's first."""

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


TABLES: dict[str, tuple[type[IntEnum], Rows]] = {
    "bar": (Bar, Rows.SECOND),
    "market": (Market, Rows.SECOND),
    "minute": (Minute, Rows.MINUTE),
    "daily": (Daily, Rows.SESSION),
}
NUMBERS = ("first_s", "open_s", "close_s", "end_s", "previous_close", "shares_outstanding", "float_shares")
"""Of the day; `first_s` is 0, the others are fields of `MarketDay`."""
CLOCK_SESSIONS = 20
"""Previous sessions that `day.clock_volume` is the mean of, at most."""


def day_number(day: MarketDay, name: str) -> float:
    """The number of `NUMBERS` that `day` carries."""
    return 0.0 if name == "first_s" else float(getattr(day, name))


class Operator(NamedTuple):
    """A kernel that makes a series: `kernel(*inputs, *numbers, first, stop, out)`."""

    kernel: Callable[..., Any]
    rows: Rows | None
    """None: as long as the first input that is a series."""
    extra: int
    """Entries beyond the rows: 1 for sums of everything before row t."""
    height: int
    """Rows of a two-dimensional output; 0: one-dimensional."""


_OPERATORS: dict[str, Operator] = {}
_SERIES: dict[str, str] = {}


def operator(name: str, *, rows: Rows | None = None, extra: int = 0, height: int = 0) -> Callable[[F], F]:
    """Register the decorated kernel: `name(...)` in an expression applies it."""

    def register(kernel: F) -> F:
        _OPERATORS[name] = Operator(kernel, rows, extra, height)
        return kernel

    return register


def series(name: str, expression: str) -> None:
    """Give an expression a name."""
    _SERIES[name] = expression


class Leaf(NamedTuple):
    """A column of a table, or a number of the day."""

    table: str
    column: str


class Call(NamedTuple):
    """An operator with its arguments."""

    operator: str
    arguments: tuple[Term, ...]


Term = Leaf | Call | int | float


@cache
def parse(expression: str) -> Term:
    """The expression with all names resolved. Raises ConfigError naming what is not known."""
    try:
        return _term(ast.parse(expression, mode="eval").body, expression)
    except SyntaxError as why:
        raise ConfigError(f"feature input {expression!r} is no expression: {why.msg}", where="feature inputs") from why


def _term(node: ast.expr, whole: str) -> Term:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name) if name in _SERIES:
            return parse(_SERIES[name])
        case ast.Attribute(value=ast.Name(id=table), attr=column) if _is_leaf(table, column):
            return Leaf(table, column)
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in _OPERATORS:
            return Call(name, tuple(_term(argument, whole) for argument in arguments))
        case _:
            pass
    text = ast.unparse(node.func if isinstance(node, ast.Call) else node)
    raise ConfigError(
        f"there is no feature input {text!r}" + (f" (in {whole!r})" if text != whole else ""),
        where="feature/series.py and feature/inputs.py",
        near=nearest(text, names()),
    )


def _is_leaf(table: str, column: str) -> bool:
    if table == "day":
        return column in (*NUMBERS, "clock_volume")
    return table in TABLES and column.upper() in TABLES[table][0].__members__


def names() -> tuple[str, ...]:
    """Every column, number, series and operator by name."""
    columns = [f"{group}.{column.name.lower()}" for group, (table, _) in TABLES.items() for column in table]
    return (*columns, *(f"day.{name}" for name in (*NUMBERS, "clock_volume")), *_SERIES, *_OPERATORS)


def find_operator(name: str) -> Operator:
    """The operator of that name."""
    return _OPERATORS[name]
