"""The figures of a run that people look at first: the same on the console, in the log and in `./fx status`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from data.day_clock import MINUTE_S, whole_clock
from metrics import registry as names
from metrics.registry import Metric


class KeyFigure(NamedTuple):
    """A metric with how it is shown."""

    metric: Metric
    label: str
    text: str
    """Format of its value."""


KEY_FIGURES = (
    KeyFigure(names.REWARD, "reward", "{:+.4f}"),
    KeyFigure(names.EPISODE_PNL, "episode P&L", "{:+,.2f} $"),
    KeyFigure(names.DRAWDOWN, "drawdown", "{:.2%}"),
    KeyFigure(names.WIN_SHARE, "wins", "{:.0%}"),
    KeyFigure(names.CLOSED, "trades", "{:,.0f}"),
    KeyFigure(names.TRADE_PNL, "P&L a trade", "{:+,.2f} $"),
    KeyFigure(names.COSTS, "costs", "{:,.0f} $"),
    KeyFigure(names.APPROX_KL, "kl", "{:.4f}"),
    KeyFigure(names.EXPLAINED_VARIANCE, "explained", "{:.0%}"),
    KeyFigure(names.STAGE, "stage", "{:.0f}"),
    KeyFigure(names.STAGE_PROGRESS, "stage done", "{:.0%}"),
    KeyFigure(names.STAGE_RETURN, "stage return", "{:+.4f}"),
    KeyFigure(names.UNIFORM_SHARE, "uniform", "{:.0%}"),
    KeyFigure(names.DAYS_LEFT, "days to come", "{:.0f}"),
    KeyFigure(names.POINTS_LEFT, "points to come", "{:.0f}"),
    KeyFigure(names.VALIDATION_PNL, "validation", "{:+,.2f} $ per day"),
)


def key_figures(values: Mapping[str, float]) -> list[tuple[str, str]]:
    """(label, value) of those that are known."""
    return [(f.label, f.text.format(values[f.metric.name])) for f in KEY_FIGURES if f.metric.name in values]


def progress(values: Mapping[str, float]) -> float:
    """Share of the run's time that is over, [0, 1]."""
    elapsed = values.get(names.ELAPSED_S.name, 0.0)
    whole = elapsed + values.get(names.ETA_S.name, 0.0)
    return elapsed / whole if whole > 0 else 0.0


def speed_line(step: int, values: Mapping[str, float]) -> str:
    """How far, how fast, how long still."""
    left = clock_time(values.get(names.ETA_S.name, 0.0))
    return f"step {step:,}, {values.get(names.STEPS_PER_S.name, 0.0):,.0f} steps/s, {left} left"


def clock_time(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), MINUTE_S)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def market_time(second: int) -> str:
    """Eastern time of the end of a second of the day, e.g. 09:30:00."""
    return whole_clock(second + 1)


def lane_line(live: Mapping[str, Any]) -> str:
    """Where the lane that is followed stands; `live` as in the snapshot of that name."""
    thinks = [f"{name} {live[name]:.0%}" for name in ("hold", "buy", "sell") if live.get(name) is not None]
    where = f"lane {live['lane']}: {live['symbol']} {live['date']} {market_time(live['second'])} ET"
    holds = f"{live['position']:+,.0f} shares, equity {live['equity']:,.2f} $"
    return ", ".join([where, holds, *([" ".join(thinks)] if thinks else [])])
