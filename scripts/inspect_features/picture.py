"""The figures of the page: all rows share one time axis; view.js fills in the rows' values."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from data.layout import SECONDS, Bar, HaltKind
from data.market_day import MarketDay
from feature.registry import Feature
from scripts.candles import candles
from scripts.feature_values import Values, first_price, halts
from utils.web.page import DOWN, UP

FEATURE_COLOUR, UNKNOWN_COLOUR, VWAP_COLOUR, MID_COLOUR = "#228be6", "#f08c00", "#ae3ec9", "#868e96"
GRID, LIMITS = "rgba(134,142,150,.22)", "rgba(134,142,150,.6)"
HALTED, WARMING, VOLUME_COLOUR = "rgba(224,49,49,.13)", "rgba(11,110,253,.10)", "rgba(134,142,150,.75)"
CLEAR = "rgba(0,0,0,0)"
PRICE_PX, VOLUME_PX, CLOCK_PX, ROW_PX, GAP_PX, TOP_PX, BOTTOM_PX = 320, 70, 60, 78, 30, 10, 30
SECOND_BARS_S = 1800
"""Spans up to that are drawn with a candle a second, others with one a minute."""
MARGIN = {"l": 60, "r": 20, "t": TOP_PX, "b": BOTTOM_PX}
PLAIN: dict[str, Any] = {
    "template": "none",
    "paper_bgcolor": CLEAR,
    "plot_bgcolor": CLEAR,
    "showlegend": False,
    "modebar": {"bgcolor": CLEAR},
}
CAPTION = 170
"""Letters over a row; the table has the whole formula."""


class Span(NamedTuple):
    """Seconds [first, stop) of the day."""

    first: int
    stop: int

    @property
    def bar_s(self) -> int:
        """Seconds of a candle."""
        return 1 if self.stop - self.first <= SECOND_BARS_S else 60


class Row(NamedTuple):
    """What view.js fills in: its panel and the numbers of its traces, None for what is not drawn."""

    name: str
    axis: str
    trace: int | None
    unknown: int | None


def day_figure(day: MarketDay, features: Sequence[Feature], span: Span) -> tuple[go.Figure, list[Row], list[float]]:
    """The figure, its rows (least and greatest price, mid, then the features) and the candles' volumes."""
    panels = [PRICE_PX, VOLUME_PX, *[ROW_PX] * len(features)]
    gaps = [GAP_PX // 2, CLOCK_PX, *[GAP_PX] * len(features)]
    height = sum(panels) + sum(gaps)
    figure = go.Figure(layout=_layout(day, span, height))
    volume = _market(figure, day, span)
    top = 1.0
    for number, (pixels, gap) in enumerate(zip(panels, gaps, strict=True)):
        domain = [max(top - pixels / height, 0.0), top]
        figure.update_layout({_axis("yaxis", number): {**_y_axis(), "domain": domain}})
        top = domain[0] - gap / height
    rows = [Row("low", "yaxis", None, None), Row("high", "yaxis", None, None), Row("mid", "yaxis", 2, None)]
    for number, feature in enumerate(features, start=2):
        traces = len(figure.data)  # pyright: ignore[reportArgumentType]
        _feature(figure, feature, _axis("y", number), day, span)
        rows.append(Row(feature.name, _axis("yaxis", number), traces, traces + 1))
    for name, opens in (("open", day.open_s), ("close", day.close_s)):
        if span.first < opens < span.stop:
            figure.add_vline(_time(day, opens), line={"color": LIMITS, "dash": "dot", "width": 1}, name=name)
    for start, stop in halts(day):
        figure.add_vrect(_time(day, start), _time(day, stop), fillcolor=HALTED, line_width=0, layer="below")
    return figure, rows, volume


def _layout(day: MarketDay, span: Span, height: int) -> dict[str, Any]:
    x_range = [_time(day, span.first), _time(day, span.stop)]
    return {
        "height": height + TOP_PX + BOTTOM_PX,
        **PLAIN,
        "margin": MARGIN,
        "dragmode": "zoom",
        "bargap": 0,
        "hovermode": False,
        "xaxis": {
            "type": "date",
            "range": x_range,
            "anchor": "y2",
            "rangeslider": {"visible": False},
            "gridcolor": GRID,
            "zeroline": False,
        },
    }


def _y_axis() -> dict[str, Any]:
    return {"fixedrange": True, "gridcolor": GRID, "zeroline": False, "tickfont": {"size": 10}, "nticks": 6}


def _market(figure: go.Figure, day: MarketDay, span: Span) -> list[float]:
    """Candles, VWAP, mid and volume; returns the volumes."""
    rows = slice(span.first // span.bar_s * span.bar_s, span.stop)
    drawn = candles(day.bars[rows], span.bar_s)
    volume = drawn.pop("volume")
    seconds = np.arange(rows.start, rows.stop, span.bar_s)
    clock = [_time(day, int(s)) for s in seconds]
    figure.add_candlestick(
        x=clock,
        **{name: _plain(price) for name, price in drawn.items()},
        name=day.symbol,
        increasing_line_color=UP,
        decreasing_line_color=DOWN,
        xperiod=1000 * span.bar_s,
        xperiodalignment="middle",
    )
    notional, shares = np.cumsum(day.bars[:, Bar.NOTIONAL]), np.cumsum(day.bars[:, Bar.VOLUME])
    vwap = np.divide(notional, shares, out=np.full(SECONDS, np.nan), where=shares > 0)
    figure.add_scatter(
        x=[_time(day, int(s) + span.bar_s) for s in seconds],
        y=_plain(vwap[seconds + span.bar_s - 1]),
        line={"color": VWAP_COLOUR, "width": 1.5},
    )
    figure.add_scatter(
        x=[],
        y=[],
        line={"color": MID_COLOUR, "width": 1, "shape": "hv"},
        opacity=0.7,
    )
    figure.add_bar(
        x=clock,
        y=_plain(volume),
        yaxis="y2",
        marker={"color": VOLUME_COLOUR, "line": {"width": 0}},
        width=1000 * span.bar_s,
        offset=0,
    )
    kind = "1-second" if span.bar_s == 1 else "1-minute"
    price = f"<b>{day.symbol}</b> {kind} candles, <span style='color:{VWAP_COLOUR}'>VWAP</span>, mid; $, New York time"
    _caption(figure, "y", price, below=True)
    _caption(figure, "y2", "<b>volume</b> shares", below=True)
    _halt_names(figure, day, span)
    return [float(x) for x in volume]


def _feature(figure: go.Figure, feature: Feature, axis: str, day: MarketDay, span: Span) -> None:
    """An empty row: line, unknown stretches, declared range, warm-up, caption."""
    figure.add_scatter(
        x=[],
        y=[],
        yaxis=axis,
        name=feature.name,
        mode="lines",
        line={"color": FEATURE_COLOUR, "width": 1.2, "shape": "hv"},
    )
    figure.add_scatter(
        x=[],
        y=[],
        yaxis=axis,
        name=f"{feature.name} unknown",
        mode="lines",
        line={"color": UNKNOWN_COLOUR, "width": 3},
    )
    low, high = feature.low, feature.high
    pad = 0.06 * (high - low)
    ticks = sorted({low, high, 0.0} if low < 0 < high else {low, high})
    axis_name = axis.replace("y", "yaxis")
    figure.update_layout({axis_name: {"range": [low - pad, high + pad], "tickvals": ticks}})
    for y in (low, high):
        figure.add_hline(y, yref=axis, line={"color": LIMITS, "dash": "dash", "width": 1}, layer="below")
    begin = first_price(day)
    warm = 0 if begin is None or feature.warm_up_s >= SECONDS else min(begin + feature.warm_up_s, span.stop)
    if begin is not None and warm > max(begin, span.first):
        figure.add_shape(
            type="rect",
            xref="x",
            yref=f"{axis} domain",
            x0=_time(day, max(begin, span.first)),
            x1=_time(day, warm),
            y0=0,
            y1=1,
            fillcolor=WARMING,
            line_width=0,
            layer="below",
        )
    told = f"{feature.family}, {feature.branch}: {feature.formula}; {feature.units}"
    _caption(figure, axis, f"<b>{feature.name}</b>  {textwrap.shorten(told, CAPTION, placeholder=' ...')}")


def _caption(figure: go.Figure, axis: str, text: str, *, below: bool = False) -> None:
    """Text at the left end of a panel: over it, or just within it."""
    figure.add_annotation(
        xref="paper",
        yref=f"{axis} domain",
        x=0,
        y=1,
        xanchor="left",
        yanchor="top" if below else "bottom",
        text=text,
        showarrow=False,
        font={"size": 11},
    )


def _halt_names(figure: go.Figure, day: MarketDay, span: Span) -> None:
    for (start, stop), halt in zip(halts(day), day.halts, strict=True):
        if start < span.stop and stop > span.first:
            kind = HaltKind(int(halt["kind"]))
            name = "LULD pause" if kind == HaltKind.LULD else f"{kind.name.lower()} halt"
            figure.add_annotation(
                x=_time(day, max(start, span.first)),
                yref="y domain",
                y=0,
                text=name + (" (inferred)" if halt["inferred"] else ""),
                textangle=-90,
                showarrow=False,
                xanchor="left",
                yanchor="bottom",
                font={"size": 10, "color": DOWN},
            )


def session_figure(features: Sequence[Feature], values: Mapping[str, Values]) -> go.Figure:
    """A row of bars for each feature of the previous sessions."""
    height = (ROW_PX + GAP_PX) * len(features) + TOP_PX + 2 * BOTTOM_PX
    figure = go.Figure(layout={**PLAIN, "margin": {**MARGIN, "b": 2 * BOTTOM_PX}, "height": height})
    share = 1 / len(features)
    gap = share * GAP_PX / (ROW_PX + GAP_PX)
    for number, feature in enumerate(features):
        y = values[feature.name]
        axis, top = _axis("y", number), 1 - number * share
        figure.add_bar(
            x=list(range(-len(y), 0)), y=_plain(y), yaxis=axis, marker={"color": FEATURE_COLOUR}, name=feature.name
        )
        figure.update_layout({_axis("yaxis", number): {**_y_axis(), "domain": [top - share, top - gap], "nticks": 4}})
        _caption(figure, axis, f"<b>{feature.name}</b>  {feature.formula}; {feature.units}")
    last = _axis("y", len(features) - 1)
    return figure.update_layout(xaxis={"title": {"text": "sessions before"}, "anchor": last, "zeroline": False})


def _axis(name: str, number: int) -> str:
    """plotly's name of the axis with that number, from 0."""
    return name if number == 0 else f"{name}{number + 1}"


def _plain(values: Values) -> list[float | None]:
    """As JSON has it: None for NaN."""
    return [float(f"{x:.6g}") if np.isfinite(x) else None for x in values]


def _time(day: MarketDay, second: int) -> str:
    """New York wall-clock time of a second of the day; plots have no zones."""
    return (dt.datetime.combine(day.date, dt.time(4)) + dt.timedelta(seconds=second)).isoformat(sep=" ")
