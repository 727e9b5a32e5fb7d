"""A backtest in the terminal."""

from __future__ import annotations

import polars as pl
from rich.table import Table
from rich.text import Text

from agent.backtest import Comparison, day_table
from agent.ledger import Run
from agent.statistics.verdict import HOLDS_UP, LOSES, PROMISING, Verdict
from agent.tables import COST_PARTS
from utils.web.text import DASH, share, signed

MARKS = {True: ("+", "green"), False: ("-", "red"), None: ("?", "yellow")}
COLOURS = {HOLDS_UP: "bold green", PROMISING: "bold cyan", LOSES: "bold red"}


def terminal_table(result: Comparison, title: str) -> Table:
    """Per day and in total, net dollars."""
    table = Table(title=title, show_footer=True)
    rows = day_table(result).with_columns(pl.sum_horizontal(*COST_PARTS).alias("costs"))
    money = ("agent", *result.baselines, "oracle")
    table.add_column("date", footer="mean")
    table.add_column("symbol")
    table.add_column("from ET")
    for name in money:
        table.add_column(name.replace("_", " "), justify="right", footer=f"{rows[name].mean():+,.2f}")
    table.add_column("capture", justify="right", footer=_part(float(rows["agent"].sum()), float(rows["oracle"].sum())))
    table.add_column("trades", justify="right", footer=f"{rows['trades'].mean():.1f}")
    table.add_column("win", justify="right", footer=_part(float(rows["wins"].sum()), float(rows["trades"].sum())))
    table.add_column("costs", justify="right", footer=f"{rows['costs'].mean():,.2f}")
    table.add_column("max dd", justify="right", footer=f"{rows['max_drawdown'].mean():.1%}")
    for row in rows.iter_rows(named=True):
        table.add_row(
            str(row["date"]),
            row["symbol"],
            row["from_et"],
            *(f"{row[name]:+,.2f}" for name in money),
            _part(row["agent"], row["oracle"]),
            str(row["trades"]),
            _part(row["wins"], row["trades"]),
            f"{row['costs']:,.2f}",
            f"{row['max_drawdown']:.1%}",
        )
    return table


def _part(part: float, whole: float) -> str:
    return share(part / whole) if whole else DASH


def verdict_lines(verdict: Verdict) -> Text:
    """The word, and a line for each reason: + for, - against, ? open."""
    text = Text("verdict: ")
    text.append(verdict.word.upper(), COLOURS.get(verdict.word, "bold yellow"))
    for reason in verdict.reasons:
        mark, colour = MARKS[reason.good]
        text.append(f"\n  {mark} ", colour)
        text.append(reason.text)
    return text


def steps_of(run: Run) -> dict[str, float]:
    """Gross, what each cost adds to it (negative: it costs), net; dollars over all lanes."""
    return {name: -value if name in COST_PARTS else value for name, value in run.totals.items()}


def cost_line(run: Run) -> str:
    """`steps_of` in a line."""
    return "   ".join(f"{name.replace('_', ' ')} {signed(value)}" for name, value in steps_of(run).items()) + " $"
