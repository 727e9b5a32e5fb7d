"""The series of one day: a graph of inputs and kernels that is computed as far as the day has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from data.layout import Bar, Market
from data.market_day import MarketDay
from feature.inputs import TABLES, Call, Leaf, Minute, Rows, Term, day_number, find_operator, parse
from feature.kernels import transpose_nb

Array = npt.NDArray[np.float64]
MINUTE_S = 60


@dataclass
class Node:
    """A series that is computed from others, up to row `done`."""

    kernel: Callable[..., Any]
    arguments: tuple[Array | int | float, ...]
    rows: Rows
    out: Array
    done: int = 0

    def advance(self, stop: int) -> None:
        """Compute the rows before `stop`."""
        if stop > self.done:
            self.kernel(*self.arguments, self.done, stop, self.out)
            self.done = stop


class Frame:
    """The columns of a day and whatever is derived from them, as far as `seconds` of it are known.

    Whole: every second of a finished day. Growing: `append` adds one second at a time.
    """

    def __init__(self, day: MarketDay, *, growing: bool = False) -> None:
        """growing: take only what is known before the day begins from `day`; the seconds come by `append`."""
        self.seconds = 0 if growing else int(Rows.SECOND)
        self._bars = np.zeros((len(Bar), Rows.SECOND)) if growing else _columns(day.bars)
        self._market = np.zeros((len(Market), Rows.SECOND)) if growing else None
        self._day = day
        self._daily = _columns(day.daily)
        self._clock_volume = np.array(day.clock_volume)
        self._known: dict[Term, Array] = {}
        self.nodes: list[Node] = []
        """Series and features, each behind what it is computed from."""

    def rows(self, kind: Rows) -> int:
        """How many rows of that kind are known."""
        return rows_by(kind, self.seconds)

    def append(self, bar: Array, market: Array) -> None:
        """Add one second: a row of `bars` and one of `market`, and compute every series that was asked for."""
        assert self._market is not None, "a whole day does not grow"
        self._bars[:, self.seconds] = bar
        self._market[:, self.seconds] = market
        self._advance(1)

    def extend(self, bars: Array, market: Array) -> None:
        """Add several seconds at once: rows of `bars` and of `market`."""
        assert self._market is not None, "a whole day does not grow"
        begin, stop = self.seconds, self.seconds + len(bars)
        self._bars[:, begin:stop] = _columns(bars)
        self._market[:, begin:stop] = _columns(market)
        self._advance(len(bars))

    def _advance(self, seconds: int) -> None:
        self.seconds += seconds
        for node in self.nodes:
            node.advance(self.rows(node.rows))

    def value(self, expression: str) -> Array | int | float:
        """The series or number of an expression; rows that are not known yet hold nothing meaningful."""
        return self._value(parse(expression))

    def add(
        self, kernel: Callable[..., Any], arguments: tuple[Array | int | float, ...], rows: Rows, out: Array
    ) -> None:
        """Have `kernel` fill `out` as far as the day is known, now and with every second to come."""
        node = Node(kernel, arguments, rows, out)
        node.advance(self.rows(rows))
        self.nodes.append(node)

    def _value(self, term: Term) -> Array | int | float:
        if isinstance(term, int | float):
            return term
        if isinstance(term, Leaf) and term.table == "day" and term.column != "clock_volume":
            return day_number(self._day, term.column)
        if term not in self._known:
            self._known[term] = self._column(term) if isinstance(term, Leaf) else self._compute(term)
        return self._known[term]

    def _column(self, leaf: Leaf) -> Array:
        if leaf.table == "day":
            return self._clock_volume
        if leaf.table == "minute":
            table = self._value(parse("minutes"))
            assert isinstance(table, np.ndarray)
            return table[Minute[leaf.column.upper()]]
        index = TABLES[leaf.table][0][leaf.column.upper()]
        if leaf.table == "market" and self._market is None:  # few of its columns are read
            return np.ascontiguousarray(self._day.market[:, index])
        tables = {"bar": self._bars, "market": self._market, "daily": self._daily}
        table = tables[leaf.table]
        assert table is not None
        return table[index]

    def _compute(self, call: Call) -> Array:
        declared = find_operator(call.operator)
        rows = declared.rows or next(r for r in map(rows_of, call.arguments) if r is not None)
        length = rows + declared.extra
        out = np.zeros((declared.height, length) if declared.height else length)
        self.add(declared.kernel, tuple(self._value(a) for a in call.arguments), rows, out)
        return out


def rows_by(kind: Rows, seconds: int) -> int:
    """How many rows of that kind are known when so many seconds of a day are over."""
    if kind is Rows.SECOND:
        return seconds
    return seconds // MINUTE_S if kind is Rows.MINUTE else int(Rows.SESSION)


def rows_of(term: Term) -> Rows | None:
    """How long a series is; None for numbers."""
    if isinstance(term, int | float):
        return None
    if isinstance(term, Leaf):
        if term.table == "day":
            return Rows.MINUTE if term.column == "clock_volume" else None
        return TABLES[term.table][1]
    declared = find_operator(term.operator)
    return declared.rows or next((r for r in map(rows_of, term.arguments) if r is not None), None)


def _columns(table: Array) -> Array:
    """f64 [rows, columns], memory-mapped or not -> contiguous [columns, rows]."""
    view = np.asarray(table).view()
    view.flags.writeable = False  # one numba specialisation for both
    return transpose_nb(view)
