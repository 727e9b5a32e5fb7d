"""Round trips of the recorded lanes: which made money, when, and what each looked like."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
from dash import html
from dash.development.base_component import Component

from data.day_clock import HOUR_S
from data.layout import SECONDS
from metrics.dashboard.day import SIDES, day_facts, fills_of, trips_of
from metrics.dashboard.explain.trade import Pace, marked, why
from metrics.dashboard.grid import figure, rows_grid
from metrics.dashboard.page import Page, Parts, View, add_page, attributes, card, part
from metrics.dashboard.parts import figure_card, numbers, plain, plot, table, tone, words
from metrics.dashboard.queries import Place, rows_at, select
from metrics.explanation import FOLDER
from metrics.figures import clock_time, market_time
from metrics.layout import PARTS
from metrics.store_schema import CANDLES, NUMBERS
from simulators.layout import Ending
from utils.web.text import money, number, share, signed

NEWEST = 2_000
"""Round trips on the page; the download has all."""
CENT = 0.01
BANDS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Of the day's quality."""
SIGNED = {"function": "params.value > 0 ? {color: 'var(--up)'} : params.value < 0 ? {color: 'var(--down)'} : null"}
WHY = (
    "What spoke for the decision (green) and against it (red), as a share of all that did; value: as the network saw "
    "it, scaled. It says what moved this network, not what moved the market."
)
NO_TRADES = words(
    "No round trip is recorded yet.", "wait: a round trip is told when it is closed; metrics.lanes says whose are kept"
)


def layout() -> list[Component]:
    """Figures, the grid beside the chosen trade, then what they add up to."""
    return [
        part("trades-cards", "cards", "All round trips shown"),
        html.Div(
            [
                card(
                    "Round trips",
                    _grid(),
                    note="Click one to see it. Heads sort and filter; Why: what of it is explained.",
                ),
                card(
                    "The chosen one",
                    part("trades-day", "day", "The chosen round trip on its day", data_option="trade"),
                    html.Div(
                        [
                            part("trades-facts", "words", "Facts of the chosen round trip"),
                            part("trades-reward", "table", "Reward components while it was open"),
                        ],
                        className="columns",
                    ),
                    html.H3("Why it traded"),
                    html.P(WHY, className="note"),
                    part("trades-causes", "table", "Causes of the chosen round trip's entry and exit"),
                ),
            ],
            className="columns",
        ),
        html.Div(
            [
                card("P&L by hour of entry (ET)", part("trades-hour", "table", "P&L by hour")),
                card("P&L by pattern before entry", part("trades-pattern", "table", "P&L by pattern")),
                card("P&L by quality of the day", part("trades-quality", "table", "P&L by quality")),
                card(
                    "Worst and best open P&L",
                    part("trades-scatter", "plot", "MAE against MFE", data_height="320", data_option="trade"),
                    note="One dot a round trip, as a share of its cost: how far it went against you, how far for you.",
                ),
            ],
            className="columns four",
        ),
    ]


def _grid() -> Component:
    columns: list[dict[str, Any]] = [
        {"field": "date", "headerName": "Date", "width": 104},
        {"field": "entry", "headerName": "Entry ET", "width": 92},
        {"field": "symbol", "headerName": "Symbol", "width": 84},
        {"field": "side", "headerName": "Side", "width": 68},
        figure("pnl", "P&L $", "+,.2f", width=98, cellStyle=SIGNED),
        {"field": "why", "headerName": "Why", "width": 92},
        figure("held", "Held s", ",.0f", width=82),
        figure("shares", "Shares", ",.0f", width=86),
        figure("price", "Entry $", ",.4~f", width=88),
        figure("out", "Exit $", ",.4~f", width=84),
        figure("costs", "Costs $", ",.2f", width=88),
        figure("mae", "MAE", ".2%", width=84),
        figure("mfe", "MFE", ".2%", width=84),
        figure("reward", "Reward", "+.4f", width=92, cellStyle=SIGNED),
        {"field": "pattern", "headerName": "Pattern", "width": 140},
        figure("quality", "Quality", ".2f", width=86),
        {"field": "closed", "headerName": "Closed by", "width": 110},
        figure("lane", "Lane", "d", width=70),
        figure("step", "Step", ",d", width=98, sort="desc"),
    ]
    one = {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True}
    grid = rows_grid("trades-table", columns, height=690, selection=one)
    return html.Div(
        [
            html.Div(
                html.A("Download CSV", href="#", className="button csv", **attributes(data_table="trades")),
                className="controls",
            ),
            html.Div(
                grid,
                id="trades-grid",
                className="part",
                **attributes(data_kind="grid", data_option="trade", aria_label="Round trips"),
            ),
        ]
    )


def news(view: View) -> Parts:
    """All of it whenever a round trip was closed; the chosen one when it was chosen."""
    if not view.store.last_seq("trades"):
        return {"trades-cards": [], "trades-day": NO_TRADES, "trades-grid": {"rows": []}}
    trades = view.store.trades(NEWEST)
    chosen = chosen_of(view, trades)
    shown = _chosen(view, chosen) if view.first else {}
    shown |= _explained(view, chosen) if view.first or view.new(FOLDER) else {}
    return {
        "trades-cards": cards(trades),
        "trades-grid": {"rows": _rows(view, trades), "chosen": str(chosen["seq"])},
        "trades-hour": sums(trades.with_columns(pl.format("{}:00", pl.col("hour")).alias("group")), "hour", "hour"),
        "trades-pattern": sums(
            trades.with_columns(pl.col("pattern").str.replace_all("_", " ").alias("group")), "pattern", "pattern"
        ),
        "trades-quality": _by_quality(trades),
        "trades-scatter": _scatter(trades),
        **shown,
    }


def cards(trades: pl.DataFrame) -> list[dict[str, str]]:
    """Sums of what is shown."""
    pnl = trades["pnl"].to_numpy()
    total, won, lost = float(pnl.sum()), float(pnl[pnl > 0].sum()), -float(pnl[pnl < 0].sum())
    newest = f"the newest {NEWEST:,}" if len(trades) == NEWEST else "all that are recorded"
    held = float(np.median(trades["held_s"].to_numpy()))
    return [
        figure_card("Round trips", f"{len(trades):,}", newest),
        figure_card("Net P&L", money(total), "after costs", tone=tone(total)),
        figure_card("A trade", money(float(pnl.mean())), f"median {money(float(np.median(pnl)))}"),
        figure_card("Win rate", share(float((pnl > 0).mean()), 1), "net P&L above 0"),
        figure_card("Profit factor", number(won / lost if lost else float("inf")), "gains / losses"),
        figure_card("Costs", money(float(trades["costs"].to_numpy().sum()), plus=False), "fees, spread, impact"),
        figure_card("Best", money(float(pnl.max())), f"worst {money(float(pnl.min()))}"),
        figure_card("Held", clock_time(held), "median, min:s"),
    ]


def _rows(view: View, trades: pl.DataFrame) -> list[dict[str, Any]]:
    explained = marked(view.summary.folder, trades, Pace.of(view.config))
    return [
        {
            "id": str(row["seq"]),
            "date": row["date"],
            "entry": market_time(row["entry_second"]),
            "symbol": row["symbol"],
            "side": SIDES.get(row["side"], "-"),
            "pnl": plain(row["pnl"]),
            "held": row["held_s"],
            "shares": row["shares"],
            "price": plain(row["entry_price"]),
            "out": plain(row["exit_price"]),
            "costs": plain(row["costs"]),
            "mae": plain(row["mae"]),
            "mfe": plain(row["mfe"]),
            "reward": plain(row["reward"]),
            "pattern": row["pattern"].replace("_", " "),
            "quality": plain(row["quality"]),
            "closed": closed_by(row["ending"]),
            "lane": row["lane"],
            "step": row["step"],
            "why": why_told,
        }
        for row, why_told in zip(trades.iter_rows(named=True), explained, strict=True)
    ]


def closed_by(ending: int) -> str:
    """In words."""
    return "agent or stop" if ending == Ending.RUNNING else f"end: {Ending(ending).name.lower().replace('_', ' ')}"


def sums(trades: pl.DataFrame, by: str, head: str) -> dict[str, Any]:
    """Trades, win rate and net P&L by `group`, in the order of column `by`."""
    rows = (
        trades.group_by("group")
        .agg(
            pl.len().alias("count"),
            (pl.col("pnl") > 0).mean().alias("wins"),
            pl.col("pnl").sum(),
            pl.col(by).min().alias("order"),
        )
        .sort("order")
    )
    most = max(float(np.abs(rows["pnl"].to_numpy()).max()), CENT)
    cells = [
        [name, f"{count:,}", share(wins), (money(pnl, 0), pnl / most)]
        for name, count, wins, pnl in rows.select("group", "count", "wins", "pnl").iter_rows()
    ]
    return table([head, "trades", "wins", "P&L"], cells, bars="P&L")


def _by_quality(trades: pl.DataFrame) -> dict[str, Any]:
    known = trades.filter(pl.col("quality").is_not_null())
    if not len(known):
        return words("No quality is known of these days.", "it is of days that the scanner judged")
    band = (pl.col("quality") * (len(BANDS) - 1)).floor().clip(0, len(BANDS) - 2).cast(pl.Int64)
    named = known.with_columns(band.alias("band")).with_columns(
        pl.col("band").map_elements(lambda i: f"{BANDS[i]:.1f} to {BANDS[i + 1]:.1f}", pl.String).alias("group")
    )
    return sums(named, "band", "quality")


def _scatter(trades: pl.DataFrame) -> dict[str, Any]:
    traces: list[dict[str, Any]] = []
    for name, rows, colour in (
        ("lost", trades.filter(pl.col("pnl") <= 0), "down"),
        ("won", trades.filter(pl.col("pnl") > 0), "up"),
    ):
        told = [
            f"{symbol} {date} {money(pnl)}" for symbol, date, pnl in rows.select("symbol", "date", "pnl").iter_rows()
        ]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": numbers(rows["mae"]),
                "y": numbers(rows["mfe"]),
                "customdata": rows["seq"].to_list(),
                "text": told,
                "hovertemplate": "%{text}<br>MAE %{x:.2%}, MFE %{y:.2%}<extra></extra>",
                "marker": {"color": colour, "size": 6, "opacity": 0.6},
            }
        )
    label = f"{len(trades)} round trips, worst against best open P&L"
    axis = {"tickformat": ".1~%"}
    return plot(
        traces,
        x="MAE",
        y="MFE",
        label=label,
        xaxis=axis,
        yaxis=axis,
        showlegend=True,
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


# ---------------------------------------------------------------- the chosen one
def chosen_of(view: View, trades: pl.DataFrame) -> dict[str, Any]:
    """The one that was clicked, else the newest on a day that has candles, else the newest."""
    wanted = str(view.options.get("trade"))
    found = trades.filter(pl.col("seq").cast(pl.String) == wanted)
    if not len(found):
        drawn = select(view.summary.folder, f"SELECT symbol, date FROM {CANDLES}")
        found = trades.join(drawn, on=["symbol", "date"], how="semi", maintain_order="left") if len(drawn) else found
    return (found if len(found) else trades).row(-1, named=True)


def _chosen(view: View, trade: dict[str, Any]) -> Parts:
    folder, place = view.summary.folder, Place(trade["lane"], trade["symbol"], trade["date"])
    near = (max(trade["entry_second"] - HOUR_S, 0), min(trade["second"] + HOUR_S, SECONDS))
    # a lane plays a day again later on: its other trips there are those of about the same rollouts
    spread = _rollout_steps(view)
    steps = trade["step"] - 2 * spread, trade["step"] + 2 * spread
    trips, fills = (rows_at(folder, name, place, near, steps) for name in ("trades", "fills"))
    return {
        "trades-day": {
            "day": day_facts(view.store, place, None),
            "trips": trips_of(trips, fills),
            "fills": fills_of(fills),
            "chosen": trade["seq"],
            "told": f"{trade['symbol']} {trade['date']}, {SIDES.get(trade['side'], '')} {trade['shares']:,.0f} shares, "
            f"{market_time(trade['entry_second'])} to {market_time(trade['second'])} ET, {money(trade['pnl'])} net.",
        },
        "trades-reward": _reward_parts(trade),
    }


def _explained(view: View, trade: dict[str, Any]) -> Parts:
    told = why(view.summary.folder, trade, Pace.of(view.config))
    return {"trades-facts": _facts(trade, told.facts), "trades-causes": told.causes}


def _rollout_steps(view: View) -> int:
    rows = select(view.summary.folder, f"SELECT step FROM {NUMBERS} ORDER BY seq DESC LIMIT 2")["step"].to_list()
    return rows[0] - rows[1] if len(rows) == 2 else 0


def _facts(trade: dict[str, Any], explained: dict[str, str]) -> list[dict[str, str]]:
    gross = trade["pnl"] + trade["costs"]
    told = {
        "Net P&L": f"{money(trade['pnl'])} = {money(gross)} of the price - {money(trade['costs'], plus=False)} costs",
        "Prices": f"${trade['entry_price']:,.4f} to ${trade['exit_price']:,.4f}",
        "Held": f"{clock_time(trade['held_s'])} min:s, closed by {closed_by(trade['ending'])}",
        "Worst, best": f"{share(trade['mae'], 2)}, {share(trade['mfe'], 2)} of its cost",
        "Reward": f"{trade['reward']:+.4f} while it was open",
        "Pattern": f"{trade['pattern'].replace('_', ' ')}, within five minutes before the entry",
        "Lane, step": f"{trade['lane']}, {trade['step']:,}",
        **{name.capitalize(): text for name, text in explained.items()},
    }
    return [{"term": term, "text": text} for term, text in told.items()]


def _reward_parts(trade: dict[str, Any]) -> dict[str, Any]:
    parts: dict[str, float] = json.loads(trade.get(PARTS) or "{}")
    if not parts:
        return words("No reward component is recorded of it.", "metrics.collectors has to name reward")
    most = max(abs(value) for value in parts.values()) or 1.0
    ordered = sorted(parts.items(), key=lambda item: -abs(item[1]))
    cells = [[part.replace("_", " "), (signed(value, ".4f"), value / most)] for part, value in ordered]
    return table(["reward while it was open", "sum"], cells, bars="sum")


add_page(
    Page(
        name="trades",
        title="Trades",
        order=4,
        about="Every round trip of the recorded lanes: where it was, what it cost, what it brought.",
        layout=layout,
        news=news,
        tables=("trades",),
        folders=(FOLDER,),
    )
)
