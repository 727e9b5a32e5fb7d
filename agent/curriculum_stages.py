"""Which days and reset points each stage of the curriculum deals, and a plain error for a stage that has none."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import CurriculumConfig, StageConfig
from data.calendar import session
from data.layout import SECONDS
from data.scanner.index import MomentumIndex
from utils.errors import ConfigError, nearest

Entry = tuple[str, dt.date]
Hours = tuple[int, int]
"""[first, end) seconds of the day."""
WHOLE_DAY: Hours = (0, SECONDS)
POINT_LIMITS = ("roc", "activity", "direction")
"""Limits on single reset points; the others are on days."""


class TrainingDay(NamedTuple):
    """A day that may be trained on."""

    number: int  # row of the day bank
    symbol: str
    date: dt.date
    quality: float  # ex post, [0, 1]; 0 if the scan did not judge the day
    first_s: int  # first second with a book
    end_s: int  # the session's end
    points: npt.NDArray[Any]  # RESET_POINT, by time


class Stage(NamedTuple):
    """A stage with what it deals."""

    config: StageConfig
    days: tuple[TrainingDay, ...]
    numbers: npt.NDArray[np.int64]  # rows of the bank, by day
    quality: npt.NDArray[np.float64]  # by day
    seconds: tuple[tuple[int, ...], ...]  # of the reset points, by day
    first: npt.NDArray[np.int64]  # number of each day's first reset point within the stage, and their count at the end


def training_days(
    index: MomentumIndex, entries: Sequence[Entry], symbols: Sequence[str], hours: Hours = WHOLE_DAY
) -> tuple[TrainingDay, ...]:
    """The bank's days (in its order) that have quotes within `hours`, of `symbols` only if any are named.

    A day that the scan rejected has no reset points and is used in its regular hours. Raises ConfigError for an
    unknown symbol, and if nothing is left.
    """
    there = sorted({symbol for symbol, _ in entries})
    for symbol in symbols:
        if symbol not in there:
            raise ConfigError(
                f"no training day of symbol {symbol}",
                where=f"{len(entries)} training days of {', '.join(there) or 'no symbol'}",
                near=nearest(symbol, there),
                fix="name a symbol that has momentum days before the validation split, or leave --symbol out",
            )
    rows: dict[Entry, dict[str, Any]] = {(r["symbol"], r["date"]): r for r in index.days.iter_rows(named=True)}
    chosen = [(n, entry) for n, entry in enumerate(entries) if not symbols or entry[0] in symbols]
    days = [_training_day(n, entry, rows.get(entry, {}), index) for n, entry in chosen]
    usable = tuple(_within_hours(day, hours) for day in days if 0 <= day.first_s < hours[1] - 2)
    if not usable:
        raise ConfigError(
            "there is no day to train on" if not days else "no training day has a two-sided book in the session",
            where=f"{len(entries)} training days, {len(index)} days of the index",
            fix="run `poe build-index`; lower scanner.candidate_min_range and scanner.candidate_min_rvol for more days",
        )
    return usable


def _training_day(number: int, entry: Entry, row: dict[str, Any], index: MomentumIndex) -> TrainingDay:
    first, end, quality = row.get("first_quote_s"), row.get("end_s"), row.get("quality")
    if first is None or end is None:
        hours = session(entry[1])
        first, end = hours.open_s, hours.close_s
    sound = 0.0 if quality is None or math.isnan(quality) else float(quality)
    return TrainingDay(number, *entry, sound, int(first), int(end), index.reset_points(*entry))


def _within_hours(day: TrainingDay, hours: Hours) -> TrainingDay:
    first, end = hours
    points = day.points[(day.points["second"] >= first) & (day.points["second"] < end)]
    return day._replace(first_s=max(day.first_s, first), end_s=min(day.end_s, end), points=points)


def build_stages(config: CurriculumConfig, days: Sequence[TrainingDay], symbols: Sequence[str]) -> tuple[Stage, ...]:
    """All stages over `days`; `symbols` replaces the stages' own. Raises ConfigError for a stage without days."""
    return tuple(_stage(stage, days, symbols) for stage in config.stages)


def _stage(config: StageConfig, days: Sequence[TrainingDay], symbols: Sequence[str]) -> Stage:
    wanted = list(symbols) or list(config.symbols)
    _check_symbols(config, wanted, days)
    filters: list[tuple[str, Any, Callable[[TrainingDay], bool]]] = [
        ("symbols", wanted, lambda day: not wanted or day.symbol in wanted),
        ("date_range", config.date_range, lambda day: _within(day.date.isoformat(), config.date_range)),
        ("quality", config.quality, lambda day: _within(day.quality, config.quality)),
        ("roc", config.roc, lambda day: _has_points(day, config, 1)),
        ("activity", config.activity, lambda day: _has_points(day, config, 2)),
        ("direction", config.direction, lambda day: _has_points(day, config, 3)),
    ]
    left = list(days)
    for name, value, keeps in filters:
        kept = [day for day in left if keeps(day)]
        if not kept:
            raise _emptied(config, name, value, left)
        left = kept
    seconds = tuple(tuple(day.points["second"][_kept(day, config)].tolist()) for day in left)
    first = np.concatenate([[0], np.cumsum([len(points) for points in seconds])]).astype(np.int64)
    numbers = np.array([day.number for day in left], np.int64)
    return Stage(config, tuple(left), numbers, np.array([day.quality for day in left]), seconds, first)


def _check_symbols(config: StageConfig, wanted: Sequence[str], days: Sequence[TrainingDay]) -> None:
    there = sorted({day.symbol for day in days})
    for symbol in wanted:
        if symbol not in there:
            raise ConfigError(
                f"curriculum.stages[{config.name}].symbols names {symbol}, of which there is no training day",
                where=", ".join(there),
                near=nearest(symbol, there),
                fix="edit the stage's symbols, or --symbol SYM to override them",
            )


def _within(x: Any, limits: Sequence[Any]) -> bool:
    return not limits or limits[0] <= x <= limits[1]


def _limit(points: npt.NDArray[Any], config: StageConfig, name: str) -> npt.NDArray[np.bool_] | None:
    """Which `points` one of POINT_LIMITS leaves; None: it is not set."""
    if name == "direction":
        return None if config.direction == "both" else (points["front"] > 0) == (config.direction == "front")
    limits = getattr(config, name)
    return (points[name] >= limits[0]) & (points[name] <= limits[1]) if limits else None


def _kept(day: TrainingDay, config: StageConfig, count: int = len(POINT_LIMITS)) -> npt.NDArray[np.bool_]:
    """Which of the day's reset points the first `count` of POINT_LIMITS leave."""
    kept = np.ones(len(day.points), np.bool_)
    for name in POINT_LIMITS[:count]:
        limit = _limit(day.points, config, name)
        kept &= True if limit is None else limit
    return kept


def _has_points(day: TrainingDay, config: StageConfig, count: int) -> bool:
    """Whether any point is left; a day without points will do where none of the limits is set."""
    limited = any(_limit(day.points, config, name) is not None for name in POINT_LIMITS[:count])
    return not limited or bool(_kept(day, config, count).any())


def _emptied(config: StageConfig, name: str, value: Any, left: Sequence[TrainingDay]) -> ConfigError:
    """The error that names the filter that left nothing, and what it could have found."""
    if name in ("roc", "activity"):
        values = np.concatenate([day.points[name] for day in left])
        had = f"{len(values)} reset points" + (f" from {values.min():.3g} to {values.max():.3g}" if len(values) else "")
    elif name == "direction":
        had = f"{sum(len(day.points) for day in left)} reset points, {sum(map(_fronts, left))} on the front side"
    elif name == "date_range":
        had = f"{min(day.date for day in left)} to {max(day.date for day in left)}"
    elif name == "quality":
        had = f"{min(day.quality for day in left):.2f} to {max(day.quality for day in left):.2f}"
    else:
        had = ", ".join(sorted({day.symbol for day in left}))
    return ConfigError(
        f"curriculum.stages[{config.name}].{name} is {value} and leaves none of {len(left)} days to train on",
        where=f"{name} there is: {had}",
        fix=f"widen {name} of stage {config.name} in config/curriculum, or lower scanner.candidate_min_* for more days",
    )


def _fronts(day: TrainingDay) -> int:
    return int(day.points["front"].sum())
