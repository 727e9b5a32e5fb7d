"""The page: price and volume, one row a feature, and a table of all features of the day."""

from __future__ import annotations

import base64
import html
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly.io as pio
from plotly.offline import get_plotlyjs

from data.layout import Bar
from data.market_day import MarketDay
from feature.registry import LIMIT, Registered
from scripts.feature_values import Values, day_values
from scripts.inspect_features.picture import UNKNOWN_COLOUR, Span, day_figure, session_figure
from scripts.inspect_features.table import feature_rows
from utils.atomic import write_text
from utils.web.page import PLOT_CONFIG, STYLE

VIEW = Path(__file__).with_name("view.js")
UNKNOWN = -32768
"""Code of an unknown value, as in view.js."""
STEPS = 500
"""Steps per unit of a feature: a fifth of what a row can show."""
PRICE_STEPS = 60_000
STYLE_MORE = f"""
body{{max-width:1500px}}#chart{{position:relative}}
#cross{{position:absolute;top:0;width:0;border-left:1px solid #868e96;pointer-events:none;display:none}}
#cross span{{position:absolute;left:4px;padding:0 .3rem;border-radius:.2rem;background:Canvas;color:CanvasText;
font:11px system-ui,sans-serif;font-variant-numeric:tabular-nums;white-space:nowrap;opacity:.92}}
#cross.left span{{left:auto;right:4px}}#cross span.unknown{{color:{UNKNOWN_COLOUR}}}
#clock{{position:fixed;top:.6rem;right:1rem;font-weight:600;font-variant-numeric:tabular-nums}}
table.features{{font-size:12px}}table.features td:nth-child(n+4),table.features th:nth-child(n+4){{text-align:right}}
table.features td:nth-child(n+8),table.features th:nth-child(n+8){{text-align:left}}
.chosen td:first-child{{font-weight:700}}.key{{color:{UNKNOWN_COLOUR};font-weight:700}}
"""
NOTE = (
    "Values as the model sees them, within [-5, 5]; each row spans its declared range. A value stands at the second "
    "from which on it is known: a minute's from the end of that minute. <span class=key>Orange</span>: unknown, seen "
    "as 0. Blue shade: warm-up, unless it is the whole day. Red shade: halt. Dotted: regular open and close. Drag to "
    "zoom in on all rows, down to single seconds; double-click to zoom out. Far out, the least and the greatest value "
    "of equal stretches are drawn."
)
TABLE_NOTE = (
    "Over the whole day, all rows of its branch: least, median and greatest of the known values; the share of rows in "
    "which it is unknown."
)


def write_page(
    path: Path, day: MarketDay, entries: Sequence[Registered], chosen: Sequence[Registered], span: Span
) -> None:
    """Write the page; whole or not at all."""
    values = day_values(day, entries)
    write_text(path, page(day, entries, chosen, span, values))


def page(
    day: MarketDay, entries: Sequence[Registered], chosen: Sequence[Registered], span: Span, values: dict[str, Values]
) -> str:
    """HTML that loads nothing from anywhere."""
    by_second = [entry.feature for entry in chosen if entry.feature.branch != "lf"]
    by_session = [entry.feature for entry in chosen if entry.feature.branch == "lf"]
    figure, rows, volume = day_figure(day, by_second, span)
    series = [*_prices(day), *(_by_second(values[f.name], 60 if f.branch == "mf" else 1) for f in by_second)]
    codes, scales = _coded([x[span.first : span.stop] for x in series])
    sessions = session_figure(by_session, values) if by_session else None
    told: dict[str, Any] = {
        "start_ms": int(np.datetime64(f"{day.date}T04:00:00", "ms").astype(np.int64)) + 1000 * span.first,
        "seconds": span.stop - span.first,
        "bar_s": span.bar_s,
        "volume": volume,
        "rows": [{**row._asdict(), **scale} for row, scale in zip(rows, scales, strict=True)],
        "codes": codes,
        "figure": json.loads(pio.to_json(figure, validate=False)),  # pyright: ignore[reportArgumentType]
        "sessions": None if sessions is None else json.loads(pio.to_json(sessions)),  # pyright: ignore[reportArgumentType]
        "config": {**PLOT_CONFIG, "responsive": True},
    }
    return _html(day, told, feature_rows(entries, values, {entry.feature.name for entry in chosen}), len(entries))


def _html(day: MarketDay, told: dict[str, Any], rows: str, count: int) -> str:
    title = html.escape(f"{day.name}: features")
    tag = ' <span class="tag">synthetic market</span>' if day.synthetic else ""
    plain = json.dumps(told, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    sessions = "<h2>Previous sessions</h2><div id=sessions></div>" if told["sessions"] else ""
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}{STYLE_MORE}</style>"
        f"<body><h1>{title}{tag}</h1><p class=note>{NOTE}</p><div id=clock></div>"
        f"<div id=chart><div id=day></div><div id=cross></div></div>{sessions}"
        f"<h2>All {count} features</h2><p class=note>{TABLE_NOTE}</p><table class=features>{rows}</table>"
        f"<script>{get_plotlyjs()}</script><script>const page={plain};\n{VIEW.read_text()}</script></body></html>"
    )


def _prices(day: MarketDay) -> list[Values]:
    """Least and greatest trade of every second, and the mid; NaN where unknown."""
    bars = day.bars
    columns = (bars[:, Bar.LOW], bars[:, Bar.HIGH], 0.5 * (bars[:, Bar.BID] + bars[:, Bar.ASK]))
    return [np.where(column > 0, column, np.nan) for column in columns]


def _by_second(values: Values, row_s: int) -> Values:
    """[seconds]: at each, the row that is known; that of a minute from the end of the minute on."""
    if row_s == 1:
        return values
    return np.concatenate([np.full(row_s, np.nan), np.repeat(values[:-1], row_s)])


def _coded(series: Sequence[Values]) -> tuple[str, list[dict[str, float]]]:
    """16-bit codes of all series, deflated, base64; how a value follows: offset + step * code, digits to show.

    The first three are prices on one scale, the others features.
    """
    prices = np.concatenate(series[:3])
    known = prices[np.isfinite(prices)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    price = {"offset": (low + high) / 2, "step": max(high - low, 1e-6) / PRICE_STEPS, "digits": 4 if low < 1 else 3}
    scales = [price] * 3 + [{"offset": 0.0, "step": 1.0 / STEPS, "digits": 2}] * (len(series) - 3)
    codes = np.full((len(series), len(series[0])), UNKNOWN, "<i2")
    assert LIMIT * STEPS < -UNKNOWN
    for row, x, scale in zip(codes, series, scales, strict=True):
        there = np.isfinite(x)
        row[there] = np.rint((x[there] - scale["offset"]) / scale["step"])
    return base64.b64encode(zlib.compress(codes.tobytes(), 9)).decode(), scales
