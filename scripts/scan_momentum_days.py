"""List momentum days, as a table, CSV or JSON; show one of them as a page.

    ./fx scan --threshold 0.5 [--symbol S] [--all] [--csv F] [--json F] [key=value ...]
    ./fx scan --chart day.html [--symbol S] [--date D]

Scans what is new since the last time; the rest is known. A scan of all symbols also renews the index. The page shows
the best listed day unless a symbol or a date is named.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from rich.console import Console

from config.compose import load_config
from data.data_manager import open_data
from data.scanner.index import MomentumIndex
from data.scanner.judge import Row, Status
from data.scanner.table import listed, render_table
from scripts.command import Parser, date_option, exit_code
from scripts.pipeline import find_days, index_folder, open_simulator
from scripts.scan_chart import write_page
from utils.atomic import write_text
from utils.errors import ConfigError, DataError
from utils.logger import setup_logging
from utils.paths import shown

out = Console()


def parser() -> Parser:
    """The options."""
    made = Parser("./fx scan", __doc__)
    made.add_argument("--threshold", type=float, metavar="Q", help="least quality; default: scanner.threshold")
    made.add_argument("--symbol", action="append", default=[], metavar="SYM", help="repeatable; default: all")
    made.add_argument("--all", action="store_true", help="rejected and quarantined days too, with the reasons")
    made.add_argument("--csv", type=Path, metavar="FILE", help="write the listed days")
    made.add_argument("--json", type=Path, metavar="FILE", help="write the listed days, one object a day")
    made.add_argument("--chart", type=Path, metavar="FILE", help="write a page of one day: of the best one listed")
    made.add_argument("--date", type=date_option, metavar="DAY", help="the day of --chart, YYYY-MM-DD")
    return made


def export(days: pl.DataFrame, csv: Path | None, json: Path | None) -> None:
    """Write `days` where it is asked for; files are whole or not there."""
    flat = days.with_columns(pl.col("flags").list.join("; "))
    if csv is not None:
        write_text(csv, flat.write_csv())
    if json is not None:
        write_text(json, flat.write_json())


def chosen(index: MomentumIndex, days: pl.DataFrame, symbols: Sequence[str], date: dt.date | None) -> Row:
    """The day to draw: the best of `days`; with a date, of any status. Raises DataError if there is none."""
    pool = days if date is None else index.days.filter(pl.col("date") == date)
    judged = pool.filter(pl.col("status") == str(Status.TAKEN)).sort("quality", descending=True)
    if len(judged):
        return judged.row(0, named=True)
    if len(pool):
        told = f"{pool['status'][0]}: {pool['reason'][0]}"
        raise DataError(
            f"no judged day to draw; {pool['symbol'][0]} {pool['date'][0]} was {told}", fix="another --date"
        )
    near = index.days.filter(pl.col("status") == str(Status.TAKEN)).sort("quality", descending=True).head(3)
    raise DataError(
        f"there is no day of {', '.join(symbols) or 'any symbol'} to draw" + (f" on {date}" if date else ""),
        where=f"{len(index)} days of the index",
        near=[f"--symbol {symbol} --date {day}" for symbol, day in near.select("symbol", "date").iter_rows()],
        fix="./fx scan-all lists every day; a lower --threshold lists more",
    )


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, words = parser().read(arguments)
    if options.date is not None and options.chart is None:
        raise ConfigError("--date chooses the day of --chart", where="--date", fix="--chart day.html --date ...")
    config = load_config("scan", words)
    data = open_data(config.data, config.sample, config.timeline)
    simulator = open_simulator(config, data)
    index = find_days(config, data, simulator, options.symbol)
    if not options.symbol:
        index.save(index_folder(config))
    threshold = config.scanner.threshold if options.threshold is None else options.threshold
    statuses = tuple(map(str, Status)) if options.all else ()
    out.print(render_table(index, threshold, statuses))
    days = listed(index, threshold, statuses)
    export(days, options.csv, options.json)
    if options.chart is not None:
        row = chosen(index, days, options.symbol, options.date)
        day = simulator.day(row["symbol"], row["date"])
        write_text(options.chart, write_page(day, row, index.reset_points(row["symbol"], row["date"])))
        out.print(f"{row['symbol']} {row['date']}: {shown(options.chart)}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments, stopped="Stopped. What was judged so far is kept.")


if __name__ == "__main__":
    sys.exit(main())
