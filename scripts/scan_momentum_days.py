"""List momentum days, as a table, CSV or JSON.

    python -m scripts.scan_momentum_days --threshold 0.5 [--symbol S] [--all] [--csv F] [--json F] [key=value ...]

Scans what is new since the last time; the rest is known. A scan of all symbols also renews the index.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from rich.console import Console

from config.compose import load_config
from data.data_manager import open_data
from data.scanner.judge import Status
from data.scanner.table import listed, render_table
from scripts.pipeline import find_days, index_folder
from simulators.market_simulator import MarketSimulator
from utils.atomic import write_text
from utils.errors import EXIT_USER_ERROR, FxError
from utils.logger import setup_logging
from utils.paths import anchored

EXIT_INTERRUPTED = 130
out = Console()


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.scan_momentum_days", description="List momentum days.", allow_abbrev=False
    )
    parser.add_argument("--threshold", type=float, metavar="Q", help="least quality; default: scanner.threshold")
    parser.add_argument("--symbol", action="append", default=[], metavar="SYM", help="repeatable; default: all")
    parser.add_argument("--all", action="store_true", help="rejected and quarantined days too, with the reasons")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the listed days")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the listed days, one object a day")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes of the configuration")
    return parser


def export(days: pl.DataFrame, csv: Path | None, json: Path | None) -> None:
    """Write `days` where it is asked for; files are whole or not there."""
    flat = days.with_columns(pl.col("flags").list.join("; "))
    if csv is not None:
        write_text(csv, flat.write_csv())
    if json is not None:
        write_text(json, flat.write_json())


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options = parser().parse_args([word for word in arguments if word != "--"])  # poe hands a -- on
    config = load_config("scan", options.overrides)
    data = open_data(config.data, config.sample, config.timeline)
    simulator = MarketSimulator(data, config.timeline, anchored(config.data.cache))
    index = find_days(config, data, simulator, options.symbol)
    if not options.symbol:
        index.save(index_folder(config))
    threshold = config.scanner.threshold if options.threshold is None else options.threshold
    statuses = tuple(map(str, Status)) if options.all else ()
    out.print(render_table(index, threshold, statuses))
    export(listed(index, threshold, statuses), options.csv, options.json)
    return 0


def main() -> int:
    """Exit code 2 and a message for mistakes in the input."""
    setup_logging()
    try:
        return run(sys.argv[1:])
    except FxError as error:
        print(error, file=sys.stderr)
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        print("stopped; what was judged so far is kept", file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
