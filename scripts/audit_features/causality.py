"""Everything that arrives after second t is changed or taken away: what was computed up to t must stay, bit for bit.

Raw values are compared, in float64, before they are bounded and rounded to float32: what moves them is seen even where
the feature itself would not show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from data.layout import SECONDS, Bar
from data.market_day import MarketDay
from feature.extractor import BranchTable, FeatureExtractor
from feature.feature_day import BRANCHES
from feature.frame import Frame

Array = npt.NDArray[np.float64]
_TRADE_SHARE, _UNIFORM_SHARE = 0.5, 0.3
_LONGEST_FUTURE_S = 3_600
FACTOR = 7.0
_NOISE = 1e3


class Future(StrEnum):
    """What becomes of everything after the cut: the array ends there, or goes on with something else."""

    ENDS = "ends"
    SEVENFOLD = "x 7"
    NOISE = "noise"
    NAN = "NaN"
    SILENCE = "silence"


def cut_seconds(day: MarketDay, count: int, rng: np.random.Generator) -> list[int]:
    """Ascending seconds in [1, 57600): half with a trade, where a leak of one row shows, the others anywhere, or the
    first of a minute, where bars are completed."""
    traded = np.flatnonzero(day.bars[1:, Bar.HAS_TRADE]) + 1
    at_trades = round(_TRADE_SHARE * count) if len(traded) else 0
    anywhere = round(_UNIFORM_SHARE * count)
    minutes = 60 * rng.integers(1, SECONDS // 60, count - at_trades - anywhere)
    chosen = [rng.choice(traded, at_trades)] if at_trades else []
    chosen += [rng.integers(1, SECONDS, anywhere), minutes]
    return sorted(np.concatenate(chosen).tolist())


class GrowingDay:
    """The features of a day that is known up to some second; nothing but zeros lies behind it."""

    def __init__(self, extractor: FeatureExtractor, day: MarketDay) -> None:
        self._frame = Frame(day, growing=True)
        self._names = extractor.schema.names
        self.tables = {branch: extractor.branch(branch, self._frame) for branch in BRANCHES}

    def extend(self, bars: Array, market: Array) -> None:
        """Add seconds, all at once."""
        self._frame.extend(bars, market)

    def differing(self, whole: dict[str, BranchTable], seconds: int) -> set[str]:
        """Names of features with a value among the first `seconds` that is not the whole day's."""
        found: set[str] = set()
        for branch, table in self.tables.items():
            known = table.known(seconds)
            for name, ours, theirs in zip(self._names[branch], table.raw, whole[branch].raw, strict=True):
                if not np.array_equal(_bits(ours[:known]), _bits(theirs[:known])):
                    found.add(name)
        return found


def _bits(column: Array) -> npt.NDArray[np.int64]:
    return column.view(np.int64)


@dataclass
class Proof:
    """What was tried, and which features did not stand it."""

    days: int = 0
    cuts: int = 0
    trials: dict[Future, int] = field(default_factory=lambda: dict.fromkeys(Future, 0))
    leaks: dict[str, dict[Future, int]] = field(default_factory=dict[str, dict[Future, int]])
    """Feature -> future -> in how many trials it changed the past."""

    @property
    def leaking(self) -> set[str]:
        """Names of the features that know the future."""
        return set(self.leaks)

    def caught(self, name: str) -> int:
        """In how many trials a feature changed the past."""
        return sum(self.leaks.get(name, {}).values())

    def note(self, future: Future, names: set[str]) -> None:
        """One trial and the features that it changed."""
        self.trials[future] += 1
        for name in names:
            told = self.leaks.setdefault(name, dict.fromkeys(Future, 0))
            told[future] += 1


def prove(
    extractor: FeatureExtractor,
    day: MarketDay,
    cuts: Sequence[int],
    rng: np.random.Generator,
    proof: Proof,
    *,
    each: int = len(Future),
) -> None:
    """Try the futures behind every cut of `day` and add what is found to `proof`.

    That the array ends is tried at every cut, with one day that grows from cut to cut. The others take turns, each - 1
    a cut: the day is computed anew, with up to an hour of another future.
    """
    frame = Frame(day)
    whole = {branch: extractor.branch(branch, frame) for branch in BRANCHES}
    growing = GrowingDay(extractor, day)
    others = _in_turn([future for future in Future if future is not Future.ENDS])
    known = 0
    for cut in cuts:
        growing.extend(day.bars[known:cut], day.market[known:cut])
        known = cut
        proof.note(Future.ENDS, growing.differing(whole, cut))
        for _ in range(each - 1):
            future = next(others)
            changed = GrowingDay(extractor, day)
            changed.extend(*with_future(day, cut, future, rng))
            proof.note(future, changed.differing(whole, cut))
    proof.days += 1
    proof.cuts += len(cuts)


def _in_turn(futures: Sequence[Future]) -> Iterator[Future]:
    while True:
        yield from futures


def with_future(day: MarketDay, cut: int, future: Future, rng: np.random.Generator) -> tuple[Array, Array]:
    """Bars and market up to `cut`, and up to an hour of something else."""
    stop = min(cut + int(rng.integers(60, _LONGEST_FUTURE_S)), SECONDS)
    bars, market = np.array(day.bars[:stop]), np.array(day.market[:stop])
    for table in (bars, market):
        spoil(table[cut:], future, rng)
    return bars, market


def spoil(later: Array, future: Future, rng: np.random.Generator) -> None:
    """Write another future into rows of bars or of the market."""
    match future:
        case Future.SEVENFOLD:
            later *= FACTOR
        case Future.NOISE:
            later[:] = rng.normal(0.0, _NOISE, later.shape)
        case Future.NAN:
            later[:] = np.nan
        case _:
            later[:] = 0.0
