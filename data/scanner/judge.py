"""Stage 2 of the scan: one day's timeline, judged. What comes out is plain data, fit for JSON and for a table row."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from config.schema import ScannerConfig
from data.corporate_actions import looks_split
from data.layout import RESET_POINT, Bar
from data.market_day import MarketDay
from data.scanner.quality import Facts, facts_of, score, usual_volume
from data.scanner.reset_points import reset_points
from data.scanner.trigger import find_trigger

Row = dict[str, Any]


class Status(StrEnum):
    """What became of a day in the scan."""

    TAKEN = "taken"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"


class Judged(NamedTuple):
    """A row of the index, without symbol and date, and the day's RESET_POINT array."""

    row: Row
    points: npt.NDArray[Any]


def without_timeline(status: Status, reason: str) -> Judged:
    """A day whose timeline was not looked at, or could not be read."""
    return Judged({"status": str(status), "reason": reason}, np.zeros(0, RESET_POINT))


def judge(day: MarketDay, config: ScannerConfig) -> Judged:
    """Trigger (ex ante), quality (ex post, training only) and reset points of a whole day."""
    traded = day.bars[:, Bar.HAS_TRADE] > 0
    if not traded.any():
        return without_timeline(Status.REJECTED, "no trades between 04:00 and 20:00")
    facts = facts_of(day)
    gap = _gap(day, traded)
    supported = facts.rvol >= config.trigger.min_rvol and facts.dollar_volume >= config.trigger.min_dollar_volume
    if gap >= config.quarantine_gap and not supported:
        told = looks_split(day.symbol, day.date, (1 + gap) * day.adjustment)
        why = f"gap {gap:+.0%} without supporting volume ({facts.rvol:.1f}x, ${facts.dollar_volume:,.0f}) {told}"
        return without_timeline(Status.QUARANTINED, why)
    points = reset_points(day, config.reset, config.quality.spread_cap_bps)
    row = {**_facts_row(day, facts, gap, traded), **_scores_row(facts, config), **_trigger_row(day, config)}
    row |= {"status": str(Status.TAKEN), "reason": "", "reset_points": len(points), "flags": _flags(day)}
    return Judged(row, points)


def _gap(day: MarketDay, traded: npt.NDArray[np.bool_]) -> float:
    """First regular trade (the day's first, if none) over the previous close - 1; nan if that is unknown."""
    regular = np.flatnonzero(traded[day.open_s : day.close_s])
    first = day.open_s + int(regular[0]) if len(regular) else int(traded.argmax())
    return float(day.bars[first, Bar.OPEN]) / day.previous_close - 1 if day.previous_close > 0 else math.nan


def _facts_row(day: MarketDay, facts: Facts, gap: float, traded: npt.NDArray[np.bool_]) -> Row:
    quoted = day.bars[: day.end_s, Bar.HAS_QUOTE] > 0
    seconds = np.flatnonzero(traded)
    first, last = float(day.bars[seconds[0], Bar.OPEN]), float(day.bars[seconds[-1], Bar.CLOSE])
    return {
        **facts._asdict(),
        "gap": gap,
        "previous_close": day.previous_close,
        "change": last / day.previous_close - 1 if day.previous_close > 0 else math.nan,
        "faded": last < first,
        "first_quote_s": int(quoted.argmax()) if quoted.any() else -1,
        "end_s": day.end_s,
        "adjustment": day.adjustment,
        "synthetic": day.synthetic,
    }


def _scores_row(facts: Facts, config: ScannerConfig) -> Row:
    parts = score(facts, config.quality)._asdict()
    total = parts.pop("total")
    return {"quality": total, **{f"quality_{name}": part for name, part in parts.items()}}


def _trigger_row(day: MarketDay, config: ScannerConfig) -> Row:
    trigger = find_trigger(day, config.trigger)._asdict()
    return {"triggered": trigger["second"] >= 0, "trigger_s": trigger.pop("second")} | {
        f"trigger_{name}": value for name, value in trigger.items()
    }


def _flags(day: MarketDay) -> list[str]:
    """What is not known about the day."""
    flags = [] if day.float_shares > 0 else ["float unknown"]
    if day.previous_close <= 0:
        flags.append("previous close unknown: range over the first trade")
    if usual_volume(day) <= 0:
        flags.append("usual volume unknown")
    elif day.clock_volume[-1] <= 0:
        flags.append("usual volume by the clock unknown: whole days, so the trigger comes late if at all")
    return [*flags, *day.notes]


# ---------------------------------------------------------------- plain data
def to_plain(judged: Judged) -> dict[str, Any]:
    """For JSON; floats keep every bit, nan and infinities become text."""
    row = {k: _plain_float(v) if isinstance(v, float) else v for k, v in judged.row.items()}
    return {"row": row, "points": [list(p) for p in judged.points.tolist()]}


def _plain_float(x: float) -> float | str:
    return x if math.isfinite(x) else str(x)


def from_plain(plain: dict[str, Any]) -> Judged:
    """The inverse of `to_plain`. Raises KeyError, TypeError or ValueError if it is not such a thing."""
    texts = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
    row = {k: texts.get(v, v) if isinstance(v, str) else v for k, v in cast("Row", plain["row"]).items()}
    points = np.array([tuple(p) for p in plain["points"]], RESET_POINT)
    return Judged(row, points)
