"""Orders around halts: nothing trades while trading stands still."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from data.layout import HALT, SECOND_NS, HaltKind
from data.market_day import MarketDay
from envs.episodes import Episode, EpisodeOutcome
from scripts.audit.market import Audit
from scripts.audit.report import Figure, Report, none_of
from scripts.audit_fills.orders import ORDER, OrderDesk
from scripts.audit_fills.registry import check
from scripts.lanes import open_lanes, random_actions
from simulators.layout import FILL, OrderKind, Reason
from utils.seeding import stream

ORDERS = 10_000
MARKETABLE = 6_000
"""Of them; the others are resting limit orders and stops, sent by lanes of the environment."""
MADE_HALTS = 12
"""Put into each day while its quotes and trades go on: the hardest kind."""
LANES = 64
EPISODE_S = 240
MINUTE_NS = 60 * SECOND_NS
RESTING = ("simulation/orders=limit", "simulation.orders.rest_s=10", "simulation.orders.stop_distance=0.001")


def with_halts(day: MarketDay, seed: int) -> MarketDay:
    """The day with halts of its own choosing, at any ns of regular hours, of which nobody was told."""
    rng = stream(seed, "audit", "halts", day.name)
    edges = np.sort(rng.choice(np.arange(day.open_s, day.close_s), 2 * MADE_HALTS, replace=False))
    halts = np.zeros(MADE_HALTS, HALT)
    times = day.start_ns + edges * SECOND_NS + rng.integers(0, SECOND_NS, len(edges))
    halts["start_ns"] = times[::2]
    halts["end_ns"] = np.minimum(times[1::2], halts["start_ns"] + rng.integers(1, 600, MADE_HALTS) * SECOND_NS)
    halts["kind"] = HaltKind.OTHER
    return dataclasses.replace(day, halts=halts)


def halted_days(audit: Audit) -> list[MarketDay]:
    """Days with halts of their own, and all days with made ones."""
    return [day for day in audit.days if len(day.halts)] + [with_halts(day, audit.config.seed) for day in audit.days]


def in_halt(day: MarketDay, ts_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which times lie within a halt, [start, end)."""
    ts = ts_ns[:, None]
    return np.any((day.halts["start_ns"] <= ts) & (ts < day.halts["end_ns"]), axis=1)


def before_book(day: MarketDay, ts_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which times come after a halt, but before the first book that the market showed then."""
    ends = np.sort(day.halts["end_ns"])
    last = np.searchsorted(ends, ts_ns, side="right") - 1
    resumed = np.where(last >= 0, ends[np.maximum(last, 0)], 0)
    books = np.sort(day.quotes["ts_event"])
    newest = np.searchsorted(books, ts_ns, side="right") - 1
    return (last >= 0) & ((newest < 0) | (books[np.maximum(newest, 0)] < resumed))


def arrivals(days: Sequence[MarketDay], count: int, seed: int) -> npt.NDArray[np.void]:
    """Orders (ORDER) that arrive within a minute of an edge of a halt, a ns or none from it, or inside."""
    rng = stream(seed, "audit", "arrivals")
    orders = np.zeros(count, ORDER)
    orders["day"] = rng.integers(0, len(days), count)
    orders["side"] = rng.choice((-1, 1), count)
    orders["wanted"] = np.ceil(np.exp(rng.uniform(0, 9, count)))
    for order in orders:
        halt = days[order["day"]].halts[rng.integers(0, len(days[order["day"]].halts))]
        start, end = int(halt["start_ns"]), int(halt["end_ns"])
        near = (-1, 0, 1, int(rng.integers(-SECOND_NS, SECOND_NS)), int(rng.integers(-MINUTE_NS, MINUTE_NS)))
        order["arrival_ns"] = (start, end, int(rng.integers(start, end)))[rng.integers(0, 3)] + near[rng.integers(0, 5)]
    return orders


class HaltEpisodes:
    """Every lane plays around random halts of random days."""

    def __init__(self, days: Sequence[MarketDay], seed: int) -> None:
        self._days = days
        self._rng = stream(seed, "audit", "halt episodes")

    def next(self, lane: int) -> Episode:  # noqa: ARG002 - all lanes draw from one stream
        """Begin up to 40 s before the start or the end of a halt."""
        number = int(self._rng.integers(0, len(self._days)))
        day = self._days[number]
        edge = day.halts[("start_ns", "end_ns")[self._rng.integers(0, 2)]][self._rng.integers(0, len(day.halts))]
        second = (int(edge) - day.start_ns) // SECOND_NS - int(self._rng.integers(2, 40))
        return Episode(number, min(max(second, 1), day.end_s - EPISODE_S), EPISODE_S)

    def report(self, outcome: EpisodeOutcome) -> None:
        """What becomes of them changes nothing."""


class Seen(NamedTuple):
    """Fills around halts."""

    orders: int
    fills: int
    inside: int
    """In a halt."""
    early: int
    """After it, but before its first book."""
    kinds: dict[OrderKind, int]


def judged(days: Sequence[MarketDay], orders: int, fills: npt.NDArray[np.void]) -> Seen:
    """`fills` (FILL) of as many orders."""
    inside, early = 0, 0
    for number, day in enumerate(days):
        times = fills["ts_ns"][fills["day"] == number]
        inside += int(in_halt(day, times).sum())
        early += int(before_book(day, times).sum())
    kinds = {kind: int((fills["kind"] == kind).sum()) for kind in OrderKind}
    return Seen(orders, len(fills), inside, early, kinds)


def marketable(days: Sequence[MarketDay], audit: Audit) -> Seen:
    """Immediate orders that arrive where it matters."""
    config = audit.config
    orders = arrivals(days, MARKETABLE, config.seed)
    OrderDesk(days, config.simulation, config.seed).arrive(orders)
    filled = orders[orders["shares"] > 0]
    fills = np.zeros(len(filled), FILL)
    fills["day"], fills["ts_ns"], fills["kind"] = filled["day"], filled["arrival_ns"], OrderKind.IOC
    return judged(days, len(orders), fills)


def resting(days: Sequence[MarketDay], audit: Audit) -> Seen:
    """Limit orders that rest and stops, sent by lanes that do not know that a halt is near."""
    config = audit.variant(*RESTING)
    env = open_lanes(days, config, LANES, HaltEpisodes(days, config.seed), config.seed)
    rng = stream(config.seed, "audit", "halt actions")
    columns = np.arange(env.fills.shape[1])
    found: list[npt.NDArray[np.void]] = []
    while int(env.lanes["orders"].sum()) < ORDERS - MARKETABLE:
        env.step(random_actions(env, rng, share=0.5, masked=1.0))
        found.append(env.fills[columns < env.fill_counts[:, None]])
    fills = np.concatenate(found)
    return judged(days, int(env.lanes["orders"].sum()), fills[fills["reason"] != Reason.FLATTENED])


@check("halts", order=2)
def halts(audit: Audit) -> Report:
    """Orders fuzzed around halts, immediate, resting and stops: none of them trades inside."""
    days = halted_days(audit)
    now, rest = marketable(days, audit), resting(days, audit)
    orders, fills = now.orders + rest.orders, now.fills + rest.fills
    kinds = {kind: now.kinds[kind] + rest.kinds[kind] for kind in (OrderKind.IOC, OrderKind.LIMIT, OrderKind.STOP)}
    by_kind = ", ".join(f"{count:,} {kind.name.lower()}" for kind, count in kinds.items())
    return Report(
        [
            Figure("orders around halts", f"{orders:,}", f">= {ORDERS:,}", orders >= ORDERS),
            Figure("their fills, by kind of order", by_kind, "some of each", min(kinds.values()) > 0),
            none_of("fills inside a halt", now.inside + rest.inside, fills),
            none_of("marketable fills between a resumption and its first book", now.early, now.fills),
        ]
    )
