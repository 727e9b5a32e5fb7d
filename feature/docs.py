"""The tables of all features and of the portfolio observation, generated from their declarations."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from data.layout import SECONDS
from feature import portfolio
from feature.feature_day import BRANCHES
from feature.portfolio import PORTFOLIO, PortfolioFeature
from feature.registry import LIMIT, WHOLE_DAY, Feature, Registered, registered
from utils.markdown import markdown

TITLES = {
    "hf": "every second, the last 60 are seen",
    "mf": "completed 1-minute bars, the last 30 are seen",
    "lf": "the 30 previous sessions",
    "static": "every second, the newest only",
    "portfolio": "the account, at every decision",
}
COLUMNS = ("name", "branch", "formula", "units", "window", "warm-up", "normalised", "range", "notes")
PICTURES = "features"
"""Folder of the families' pictures, beside the page."""
TELLING = {
    "activity": ("volume_surge", "trade_surge", "volume_trend"),
    "book": ("relative_spread", "queue_imbalance", "depth_ratio"),
    "candles": ("five_return", "five_close_location", "five_relative_volume"),
    "clock": ("to_open", "to_close", "time_sin"),
    "context": ("from_month_high", "near_resistance", "previous_range_position"),
    "daily": ("daily_return", "daily_range", "daily_relative_volume"),
    "flow": ("ofi_30s", "trade_imbalance_30s", "ofi_ema_60s"),
    "indicators": ("rsi_14", "macd_histogram", "bollinger_position_20"),
    "levels": ("from_vwap", "range_position", "half_dollar"),
    "market_state": ("since_halt", "room_up", "since_resume"),
    "minute": ("bar_return", "bar_relative_volume", "bar_buy_share"),
    "quotes": ("queue_imbalance_10s", "spread_position_60s", "quote_flicker_30s"),
    "reference": ("float_turnover", "price_tier", "market_cap"),
    "returns": ("return_30s", "volatility_60s", "change_300s"),
    "running": ("minute_return", "relative_volume", "after_halt"),
    "session": ("from_open", "range_used", "since_high"),
    "tape": ("signed_volume_60s", "trade_rate_5s", "large_trades_60s"),
    "volatility": ("efficiency_60s", "acceleration_30s", "jump_share_300s"),
    "volume": ("dollar_volume", "delta_share", "volume_above"),
    "vwap": ("vwap_band", "vwap_slope_600s", "vwap_cross"),
}
"""What shows best what a family is about, the most telling first: for pictures and as a choice to begin with."""
_SHOWN = 3


def families() -> dict[str, list[Registered]]:
    """Every family's features in column order; families by name."""
    entries = registered()
    names = sorted({entry.feature.family for entry in entries})
    return {name: [entry for entry in entries if entry.feature.family == name] for name in names}


def telling(family: Sequence[Registered]) -> tuple[str, ...]:
    """The features that stand for a family: those of `TELLING`, else its first that are no masks."""
    names = [entry.feature.name for entry in family]
    chosen = tuple(name for name in TELLING.get(family[0].feature.family, ()) if name in names)
    values = [entry.feature.name for entry in family if entry.feature.units != "mask"]
    return chosen or tuple((values or names)[:_SHOWN])


def module_of(family: Sequence[Registered]) -> ModuleType:
    """The module that declares a family."""
    return sys.modules[family[0].kernel.__module__]


def source_of(family: Sequence[Registered]) -> str:
    """The text of that module."""
    return Path(str(module_of(family).__file__)).read_text()


def feature_table() -> str:
    """Markdown: what the columns mean, then a heading, a picture and a table for each family and the portfolio."""
    kinds = "\n".join(f"- `{branch}`: {what}" for branch, what in TITLES.items())
    intro = (
        f"Branches:\n\n{kinds}\n\nsoft(x) = x / sqrt(1 + (x / {LIMIT:g})^2). Unknown values are 0. The window is the "
        "history that a value mainly rests on. The warm-up is how long what came before the first event makes a "
        "difference of 1e-6 (day: for all of it), or how many previous sessions it takes. "
        "The pictures show one synthetic day with the price behind in grey; gaps are unknown values.\n"
    )
    return "\n".join([intro, *map(_family, families().values()), _portfolio()])


def _family(entries: Sequence[Registered]) -> str:
    name = entries[0].feature.family
    rows = [_row(entry) for branch in BRANCHES for entry in entries if entry.feature.branch == branch]
    shown = ", ".join(telling(entries))
    picture = f"![{shown}]({PICTURES}/{name}.svg)"
    about = f"{_first_sentence(module_of(entries))}\n\n{picture}"
    return f"## {name} ({len(entries)})\n\n{about}\n\n{markdown(COLUMNS, rows)}"


def _portfolio() -> str:
    table = markdown(COLUMNS, map(_account_row, PORTFOLIO))
    return f"## portfolio ({len(PORTFOLIO)})\n\n{_first_sentence(portfolio)}\n\n{table}"


def _first_sentence(module: ModuleType) -> str:
    """Of the module's docstring."""
    text = " ".join((inspect.getdoc(module) or "").split())
    return text.partition(". ")[0].rstrip(".") + "."


def _row(entry: Registered) -> list[str]:
    f = entry.feature
    notes = " ".join((entry.kernel.__doc__ or "").split())
    history = [_duration(f.window), _warm_up(f)]
    return [f"`{f.name}`", f.branch, f.formula, f.units, *history, f.scaling.text, _range(f.low, f.high), notes]


def _account_row(f: PortfolioFeature) -> list[str]:
    limits = _range(f.low, f.high)
    return [f"`{f.name}`", "portfolio", f.formula, f.units, "", "", f.normalise.text, limits, ""]


def _range(low: float, high: float) -> str:
    return f"[{low:g}, {high:g}]"


def _warm_up(f: Feature) -> str:
    """Of the day, and the sessions before it."""
    seconds = "day" if f.warm_up_s >= WHOLE_DAY else _duration(f.warm_up_s)
    sessions = f"{f.sessions} session{'s' * (f.sessions > 1)}" if f.sessions else ""
    return ", ".join(filter(None, (seconds, sessions)))


def _duration(seconds: int) -> str:
    if seconds == 0:
        return ""
    return f"{seconds} s" if seconds < SECONDS else f"{seconds // SECONDS} d"
