"""One momentum day as a page: candles, volume, VWAP, halts, the trigger and the reset points. Needs no network."""

from __future__ import annotations

import datetime as dt
import math
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import plotly.io as pio
from plotly.subplots import make_subplots

from data.layout import MINUTES, SECOND_NS, Bar, HaltKind, ResetKind
from data.market_day import MarketDay
from data.scanner.judge import Row
from data.scanner.reset_points import series_of
from data.scanner.table import clock
from scripts.candles import candles
from utils.web.page import PLOT_CONFIG, STYLE

START = dt.time(4)
UP, DOWN, VWAP_COLOUR, VOLUME_COLOUR, TRIGGER_COLOUR = "#0f766e", "#b91c1c", "#7c3aed", "#94a3b8", "#b45309"
MARKS = {
    ResetKind.RANDOM: ("circle-open", "#64748b"),
    ResetKind.HIGH_OF_DAY_BREAK: ("triangle-up", "#16a34a"),
    ResetKind.PREMARKET_HIGH_BREAK: ("triangle-up-open", "#16a34a"),
    ResetKind.FLUSH: ("triangle-down", "#dc2626"),
    ResetKind.CONSOLIDATION: ("square", "#0284c7"),
    ResetKind.VWAP_RECLAIM: ("arrow-up", "#7c3aed"),
    ResetKind.VWAP_LOSS: ("arrow-down", "#7c3aed"),
    ResetKind.HALT_RESUME: ("star", "#ca8a04"),
    ResetKind.PARABOLIC_TOP: ("x", "#dc2626"),
    ResetKind.FIRST_PULLBACK: ("diamond", "#ea580c"),
    ResetKind.OPEN: ("hourglass", "#0f172a"),
}
"""Symbol and colour of a reset point; its name is in the legend."""
_PAGE = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{style}</style>"
    "<body><h1>{title}{tag}</h1>{told}{chart}</body></html>\n"
)


def write_page(day: MarketDay, row: Row, points: npt.NDArray[Any]) -> str:
    """The page of a judged day: its `row` of the index and its RESET_POINT array."""
    title = escape(f"{day.symbol} {day.date}")
    tag = ' <span class="tag">synthetic market</span>' if day.synthetic else ""
    chart = pio.to_html(_figure(day, row, points), full_html=False, include_plotlyjs=True, config=PLOT_CONFIG)
    return _PAGE.format(title=title, tag=tag, style=STYLE, told=_told(row), chart=chart)


def _told(row: Row) -> str:
    """What the index says of the day."""
    lines = [f"<p><b>{escape(str(row['status']))}</b>: {escape(str(row['reason']))}</p>"]
    if row["quality"] is not None:
        names = ("range", "rvol", "dollar_volume", "trend", "halts", "spread")
        parts = ", ".join(f"{name.replace('_', ' ')} {row[f'quality_{name}']:.2f}" for name in names)
        lines.append(
            f"<p><b>Quality {row['quality']:.2f}</b>, known after the fact and for training only: {parts}. "
            f"Gap {_number(row['gap'], '+.0%')}, RVOL {_number(row['rvol'], '.1f')}x, {row['halts']} halts, "
            f"{row['reset_points']} reset points.</p>"
        )
    if row["triggered"]:
        lines.append(
            f"<p><b>Trigger {clock(row['trigger_s'])} New York</b>: ${row['trigger_price']:.2f}, "
            f"{row['trigger_gain']:+.0%} over the previous close, ${row['trigger_dollar_volume']:,.0f} traded, "
            f"RVOL {row['trigger_rvol']:.1f}x, float {_number(row['trigger_float_shares'], ',.0f')}.</p>"
        )
    else:
        lines.append("<p>No trigger: a live scanner would not have shown it.</p>")
    flags = "; ".join(row["flags"] or [])
    return "".join(lines) + (f"<p>{escape(flags)}</p>" if flags else "")


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None or math.isnan(value) else format(value, form)


def _when(day: MarketDay, seconds: npt.NDArray[Any]) -> list[dt.datetime]:
    """New York clock at the start of these seconds."""
    start = dt.datetime.combine(day.date, START)
    return [start + dt.timedelta(seconds=int(second)) for second in seconds]


def _figure(day: MarketDay, row: Row, points: npt.NDArray[Any]) -> go.Figure:
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.78, 0.22], vertical_spacing=0.02)
    minutely = candles(day.bars, 60)
    minutes = _when(day, np.arange(MINUTES) * 60)
    volume = minutely.pop("volume")
    colours = {"increasing": {"line": {"color": UP}}, "decreasing": {"line": {"color": DOWN}}}
    figure.add_trace(go.Candlestick(x=minutes, **minutely, name="1 minute", **colours), row=1, col=1)
    vwap = series_of(day).vwap[59::60]
    line = np.where(vwap > 0, vwap, np.nan)
    figure.add_trace(
        go.Scatter(x=minutes, y=line, name="VWAP", line={"color": VWAP_COLOUR, "width": 1.3}, hoverinfo="skip"),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Bar(x=minutes, y=volume, name="shares", marker={"color": VOLUME_COLOUR, "line": {"width": 0}}), row=2, col=1
    )
    _shade_halts(figure, day)
    _mark_points(figure, day, points)
    if row["triggered"]:
        moment = _when(day, np.array([row["trigger_s"] + 1]))[0]
        figure.add_vline(x=moment, line={"color": TRIGGER_COLOUR, "width": 2, "dash": "dash"})
        where: dict[str, Any] = {"yref": "paper", "y": 1.0, "yanchor": "bottom", "showarrow": False}
        figure.add_annotation(x=moment, text="trigger", font={"color": TRIGGER_COLOUR}, **where)
    figure.update_layout(
        height=780,
        template="plotly_white",
        hovermode="closest",
        bargap=0,
        margin={"l": 60, "r": 20, "t": 30, "b": 40},
        legend={"orientation": "h", "y": -0.1},
        xaxis_rangeslider_visible=False,
    )
    figure.update_yaxes(title_text="dollars", row=1, col=1)
    figure.update_yaxes(title_text="shares", row=2, col=1)
    figure.update_xaxes(title_text="New York", row=2, col=1)
    return figure


def _shade_halts(figure: go.Figure, day: MarketDay) -> None:
    for halt in day.halts:
        edges = np.array([halt["start_ns"], halt["end_ns"]], np.int64)
        begin, end = _when(day, (edges - day.start_ns) // SECOND_NS)
        figure.add_vrect(
            x0=begin,
            x1=end,
            fillcolor="#f59e0b",
            opacity=0.2,
            line_width=0,
            annotation_text=f"{HaltKind(int(halt['kind'])).name.lower()} halt",
            annotation_position="top left",
            annotation_font_size=10,
            row=1,  # pyright: ignore[reportArgumentType] - plotly's stubs want the text "all"
            col=1,  # pyright: ignore[reportArgumentType]
        )


def _mark_points(figure: go.Figure, day: MarketDay, points: npt.NDArray[Any]) -> None:
    """One trace a kind, so that the legend switches them on and off."""
    for kind, (symbol, colour) in MARKS.items():
        mine = points[points["kind"] == kind]
        if not len(mine):
            continue
        name = kind.name.lower().replace("_", " ")
        # plotly leaves gaps out of hover; a point before the day's first trade has no price to stand on
        price = day.bars[mine["second"], Bar.CLOSE]
        texts = [
            f"<b>{name}</b> {when:%H:%M:%S}<br>5-minute change {p['roc']:+.1%}<br>activity {p['activity']:.2f}"
            f"<br>difficulty {p['difficulty']:.2f}<br>{'front' if p['front'] else 'back'} side"
            for when, p in zip(_when(day, mine["second"]), mine, strict=True)
        ]
        figure.add_trace(
            go.Scatter(
                x=_when(day, mine["second"]),
                y=np.where(price > 0, price, np.nan),
                name=f"{name} ({len(mine)})",
                mode="markers",
                marker={"symbol": symbol, "color": colour, "size": 11, "line": {"width": 1.5, "color": colour}},
                text=texts,
                hovertemplate="%{text}<extra></extra>",
            ),
            row=1,
            col=1,
        )
