"""docs/features/FAMILY.svg: what the features of each family look like on one day of the sample market.

A picture carries a key of the code that it was drawn from, so that whether it is up to date can be told without
drawing it, and does not depend on the version of matplotlib.
"""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from config.compose import load_config
from data.day_clock import clock
from data.layout import Bar, Daily
from data.market_day import MarketDay
from feature.docs import families, source_of, telling
from feature.registry import Feature, Registered
from scripts.feature_values import Values, day_values, halts
from scripts.svg import svg_text
from utils.atomic import write_text
from utils.hashing import text_hash
from utils.paths import ROOT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CODE = ("scripts/feature_pictures.py", "scripts/feature_values.py", "scripts/svg.py")
"""What the pictures depend on besides their families."""
SAMPLE = (
    "data.source=sample",
    "data.cache=cache/docs",
    "sample.folder=cache/docs/files",
    "sample.symbols=[MLGO]",
    "sample.sessions=36",
)
SYMBOL, DATE = "MLGO", dt.date(2025, 4, 3)
"""A day of the sample market that runs up, is paused and fades."""
HALF_HOUR, WHOLE_DAY = (25_200, 27_000), (0, 57_600)
"""Seconds after 04:00."""
QUICK_S = 300
"""Features that rest on no more than that are shown over the half hour."""
POINTS, PRICE_POINTS = 200, 100
"""Of a line: a picture stays below 60 kB."""
COLOURS = ("#2563eb", "#0f766e", "#b45309")
PRICE, TEXT, HALT = "#94a3b8", "#475569", "#fde8e8"
_KEY = re.compile(r"<!-- key: (\w+) -->")


def stale_pictures(folder: Path) -> list[Path]:
    """Pictures below `folder` that are missing, drawn from other code, or of no family; by name."""
    known = families()
    wanted = {folder / f"{name}.svg": picture_key(entries) for name, entries in known.items()}
    there = set(folder.glob("*.svg"))
    wrong = [path for path, key in wanted.items() if path not in there or key_of(path.read_text()) != key]
    return sorted([*wrong, *(there - set(wanted))])


def draw_pictures(paths: Sequence[Path]) -> None:
    """Draw those of existing families, remove the others."""
    known = families()
    day = picture_day() if paths else None
    for path in paths:
        if day is not None and path.stem in known:
            write_text(path, family_svg(known[path.stem], day))
        else:
            path.unlink()


def picture_key(entries: Sequence[Registered]) -> str:
    """Hash of the family's source, of what is shown of it, and of the drawing code."""
    code = [(ROOT / name).read_text() for name in CODE]
    return text_hash(source_of(entries), *telling(entries), *code)[:16]


def key_of(svg: str) -> str:
    """The key that a picture carries, empty if it has none."""
    found = _KEY.search(svg)
    return found[1] if found else ""


def picture_day() -> MarketDay:
    """The day of all pictures; its sample market is made if it is not there."""
    from data.data_manager import open_data
    from simulators.market_simulator import MarketSimulator
    from utils.paths import anchored

    config = load_config("momentum_training", SAMPLE)
    data = open_data(config.data, config.sample, config.timeline)
    return MarketSimulator(data, config.timeline, anchored(config.data.cache)).day(SYMBOL, DATE)


def family_svg(entries: Sequence[Registered], day: MarketDay) -> str:
    """One row a feature, the price behind; the same on every run."""
    shown = [next(e for e in entries if e.feature.name == name) for name in telling(entries)]
    features = [entry.feature for entry in shown]
    values = day_values(day, shown)

    def draw(figure: Figure) -> None:
        axes = figure.subplots(len(shown), 1, sharex=all(f.branch != "lf" for f in features), squeeze=False)[:, 0]
        for ax, feature, colour in zip(axes, features, COLOURS, strict=False):
            _row(ax, feature, values[feature.name], day, span_of(features), colour)
        _time_axis(axes[-1], features, day)

    text = svg_text(draw, (9, 0.5 + 1.15 * len(shown)), "features", {"axes.titlesize": 9})
    head, _, body = text.partition("\n")
    return f"{head}\n<!-- key: {picture_key(entries)} -->\n{body}"


def span_of(features: Sequence[Feature]) -> tuple[int, int]:
    """The half hour if one of the features is quick, else the day."""
    quick = any(f.branch == "hf" or (f.branch == "static" and 0 < f.window <= QUICK_S) for f in features)
    return HALF_HOUR if quick else WHOLE_DAY


def _row(ax: Axes, feature: Feature, values: Values, day: MarketDay, span: tuple[int, int], colour: str) -> None:
    if feature.branch == "lf":
        x, y = np.arange(-len(values), 0.0), values
        price_x, price = x, np.where(day.daily[:, Daily.CLOSE] > 0, day.daily[:, Daily.CLOSE], np.nan)
    else:
        x, y = _sampled(values, span, POINTS, 60 if feature.branch == "mf" else 1)
        close = np.where(day.bars[:, Bar.CLOSE] > 0, day.bars[:, Bar.CLOSE], np.nan)
        price_x, price = _sampled(close, span, PRICE_POINTS, 1)
    behind = ax.twinx()
    behind.plot(price_x, price, color=PRICE, lw=0.8, alpha=0.6)
    behind.set_axis_off()
    ax.set_zorder(behind.get_zorder() + 1)
    ax.patch.set_visible(False)
    ax.axhline(0, color="#e2e8f0", lw=0.8, zorder=0)
    ax.plot(x, y, color=colour, lw=1.1, drawstyle="steps-mid" if feature.branch == "lf" else "steps-post")
    ax.set_title(textwrap.shorten(f"{feature.name}: {feature.formula}", 105, placeholder=" ..."), color=TEXT)
    if feature.branch != "lf":
        for start, stop in halts(day):
            if start < span[1] and stop > span[0]:
                ax.axvspan(max(start, span[0]), min(stop, span[1]), color=HALT, lw=0, zorder=-1)
    ax.locator_params(axis="y", nbins=3)
    ax.margins(x=0)


def _sampled(values: Values, span: tuple[int, int], points: int, row_s: int) -> tuple[Values, Values]:
    """(seconds, values as known then), about `points` of them; a row is known once its `row_s` seconds are over."""
    first, stop = span
    seconds = np.arange(first, stop, max((stop - first) // points, 1))
    rows = seconds if row_s == 1 else seconds // row_s - 1
    known = np.where(rows >= 0, values[np.maximum(rows, 0)], np.nan)
    return seconds.astype(np.float64), known


def _time_axis(ax: Axes, features: Sequence[Feature], day: MarketDay) -> None:
    synthetic = f"{day.name}, synthetic"
    if any(f.branch == "lf" for f in features):
        ax.set_xlabel(f"sessions before {synthetic}", color=TEXT)
        return
    first, stop = span_of(features)
    step = 300 if stop - first <= 3_600 else 7_200
    ticks = range(first, stop + 1, step)
    ax.set_xticks(list(ticks), [clock(second) for second in ticks])
    ax.set_xlabel(f"New York time; {synthetic}", color=TEXT)
