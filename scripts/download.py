"""Market data from Databento into the data folder: the price first, then your word, then the files.

--symbols NAME,NAME or ALL, --universe FILE (a definition or daily file of Databento's), or --candidates: of all symbols
with daily bars, only the days on which the scanner's daily screen sees a candidate. Dates are sessions, both included.

The key comes from the environment variable DATABENTO_API_KEY and goes nowhere else. What is in the folder already is
neither asked for nor paid again, so the same command goes on with what was broken off. --estimate asks for prices only.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from config.compose import load_config
from config.schema import Config
from data.calendar import sessions_between
from data.databento_provider import DatabentoProvider
from data.download.fetching import Order, by_request, by_schema, collect, order, stream
from data.download.gateway import Gateway
from data.download.ledger import Ledger
from data.download.plan import ALL_SYMBOLS, BY_DATE, Piece, pieces
from data.download.universe import candidates, symbols_of
from scripts.command import Parser, date_option, exit_code
from scripts.output import out
from scripts.progress import counted
from utils.errors import ConfigError, DataError, nearest
from utils.logger import get_logger, setup_logging
from utils.paths import anchored, shown
from utils.progress import with_progress

log = get_logger(__name__)

SCHEMAS = ("mbp-1", "trades", "status", "ohlcv-1s", "ohlcv-1m", "ohlcv-1d", "definition")
"""What this project reads."""
MISSING, PENDING, DEGRADED = "missing", "pending", "degraded"
ABSENT = (MISSING, PENDING)
ALL = "ALL"
BATCH = "batch"


class Plan(NamedTuple):
    """What is to be had for how much."""

    pieces: list[Piece]
    orders: list[Order]
    usd: list[float]
    """By order."""


def download_parser() -> Parser:
    """The options."""
    parser = Parser("./fx download", __doc__, options="--symbols A,B --start DATE --end DATE [options]")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--symbols", help=f"names with commas between them, or {ALL}")
    who.add_argument("--universe", type=Path, metavar="FILE", help="the symbols of a Databento file")
    parser.add_argument("--candidates", action="store_true", help="only days that the daily screen does not rule out")
    parser.add_argument("--start", type=date_option, help="first session")
    parser.add_argument("--end", type=date_option, help="last session; default: the first")
    parser.add_argument("--schemas", help=f"some of {', '.join(SCHEMAS)}; default: download.schemas")
    parser.add_argument("--estimate", action="store_true", help="only say what it would cost")
    parser.add_argument("--yes", action="store_true", help="do not ask before buying; download.budget_usd holds")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Plan, price, ask, fetch. Raises FxError."""
    options, overrides = download_parser().read(arguments)
    setup_logging()
    sessions, named = _sessions(options), _schemas(options.schemas)
    _refuse_nobody(options)
    config = load_config("download", overrides)
    schemas = named or _schemas(",".join(config.download.schemas))
    _refuse_too_much(config, options, schemas)
    ledger = Ledger(anchored(config.data.folder), config.download.dataset)
    gateway = Gateway(config.download)
    for job in ledger.jobs:
        log.info("job %s was paid for earlier: it is collected first", job.name)
        collect(gateway, ledger, job, config.download.poll_s)
    absent = _conditions(gateway, ledger, sessions)
    wanted = _wanted(config, options, [date for date in sessions if date not in absent])
    missing = pieces(wanted, schemas, config.download.history_sessions, ledger.has)
    plan = _priced(config, gateway, missing)
    _show(config, plan, wanted)
    if options.estimate or not plan.pieces:
        return 0
    _agree(config, sum(plan.usd), yes=options.yes)
    _fetch(config, gateway, ledger, plan)
    return 0


# ---------------------------------------------------------------- what is wanted
def _schemas(told: str | None) -> list[str]:
    names = [name.strip() for name in told.split(",")] if told else []
    for name in names:
        if name not in SCHEMAS:
            raise ConfigError(
                f"there is no schema {name!r}", near=nearest(name, SCHEMAS), fix=f"use {', '.join(SCHEMAS)}"
            )
    return names


def _sessions(options: argparse.Namespace) -> list[dt.date]:
    if options.start is None:
        raise ConfigError("no dates", where="the command line", fix="--start 2025-04-01 --end 2025-04-30")
    last = options.end or options.start
    found = sessions_between(options.start, last)
    if not found:
        fix = "--start comes first, --end last" if last < options.start else "name a day on which the exchange trades"
        raise ConfigError(f"there is no session from {options.start} to {last}", where="the command line", fix=fix)
    return found


def _refuse_nobody(options: argparse.Namespace) -> None:
    if not (options.symbols or options.universe or options.candidates):
        fix = "--symbols MLGO,NVDA, --universe FILE or --candidates"
        raise ConfigError("no symbols", where="the command line", fix=fix)


def _refuse_too_much(config: Config, options: argparse.Namespace, schemas: Sequence[str]) -> None:
    if options.symbols == ALL and not options.candidates and (much := [s for s in schemas if s not in BY_DATE]):
        fix = "get --schemas ohlcv-1d of all, then --candidates for the days that matter"
        raise ConfigError(f"{', '.join(much)} of the whole market is more than anyone wants", fix=fix)
    if options.candidates and config.download.way == BATCH:
        raise ConfigError(
            "a job covers whole stretches of dates, candidates are single days", fix="download.way=stream"
        )


def _wanted(config: Config, options: argparse.Namespace, sessions: list[dt.date]) -> list[tuple[str, list[dt.date]]]:
    """(symbol, sessions). Raises DataError if nothing is left."""
    if not sessions:
        raise DataError("the server has none of these dates", where=config.download.dataset, fix="other dates")
    exclude = config.download.exclude
    if options.universe:
        names = symbols_of(options.universe, exclude)
    elif options.symbols and options.symbols != ALL:
        names = sorted({name.strip().upper() for name in options.symbols.split(",") if name.strip()})
    else:
        names = []
    if options.candidates:
        provider = DatabentoProvider(anchored(config.data.folder), config.data)
        return candidates(provider, config.scanner, names, sessions)
    return [(name, sessions) for name in names or [ALL_SYMBOLS]]


def _conditions(gateway: Gateway, ledger: Ledger, sessions: Sequence[dt.date]) -> set[dt.date]:
    """Ask and note how good each date is; returns those that are not there."""
    told = gateway.conditions(sessions[0], sessions[-1])
    for date, condition in told.items():
        ledger.condition(date, condition)
    poor = [f"{date}" for date in sessions if told.get(date) == DEGRADED]
    if poor:
        log.warning("degraded on %s: the server says that records are missing there", ", ".join(poor))
    absent = {date for date in sessions if told.get(date, MISSING) in ABSENT}
    if absent:
        log.warning("not there: %s", ", ".join(f"{date} ({told.get(date, MISSING)})" for date in sorted(absent)))
    return absent


# ---------------------------------------------------------------- what it costs
def _priced(config: Config, gateway: Gateway, missing: list[Piece]) -> Plan:
    orders = (by_schema if config.download.way == BATCH else by_request)(missing)
    usd = [
        gateway.cost(each.schema, each.symbols, each.span)
        for each in counted(orders, "asking for prices", config.training.log_every_s)
    ]
    return Plan(missing, orders, usd)


def _show(config: Config, plan: Plan, wanted: Sequence[tuple[str, Sequence[dt.date]]]) -> None:
    days = sum(len(sessions) for _, sessions in wanted)
    symbols = "the whole market" if wanted and wanted[0][0] == ALL_SYMBOLS else f"{len(wanted)} symbols"
    title = f"{config.download.dataset}: {symbols}, {days} symbol-days"
    table = Table(title=title, title_justify="left")
    for head in ("schema", "files to get", "price $"):
        table.add_column(head, justify="left" if head == "schema" else "right")
    files = Counter(piece.schema for piece in plan.pieces)
    prices: defaultdict[str, float] = defaultdict(float)
    for each, usd in zip(plan.orders, plan.usd, strict=True):
        prices[each.schema] += usd
    for schema, count in files.items():
        table.add_row(schema, f"{count:,}", f"{prices[schema]:,.2f}")
    table.add_section()
    table.add_row("all", f"{len(plan.pieces):,}", f"{sum(plan.usd):,.2f}")
    out.print(table)
    out.print(f"into {shown(anchored(config.data.folder))}")
    if not plan.pieces:
        out.print("everything is there already: nothing to get, nothing to pay")


def _agree(config: Config, usd: float, *, yes: bool) -> None:
    """Raises ConfigError if it is too dear, or nobody says yes."""
    budget = config.download.budget_usd
    if usd > budget:
        fix = f"fewer days, symbols or schemas, or download.budget_usd={usd:.0f}"
        raise ConfigError(f"it costs ${usd:,.2f}, the budget is ${budget:,.2f}: nothing was bought", fix=fix)
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("nobody is there to say yes: nothing was bought", where="the terminal", fix="add --yes")
    if input(f"Buy this for ${usd:,.2f}? Type yes: ").strip().lower() != "yes":
        raise ConfigError("nothing was bought", fix="type yes, or add --yes")


# ---------------------------------------------------------------- getting it
def _fetch(config: Config, gateway: Gateway, ledger: Ledger, plan: Plan) -> None:
    settings = config.download
    if settings.way == BATCH:
        jobs = order(gateway, ledger, plan.orders)
        files = [file for job in jobs for file in collect(gateway, ledger, job, settings.poll_s)]
        nothing = 0
    else:
        fetched = stream(gateway, ledger, plan.pieces, settings.connections)
        each = list(with_progress(fetched, len(plan.pieces), config.training.log_every_s, "downloading", "files"))
        files = [one.file for one in each if one.file is not None]
        nothing = len(each) - len(files)
    size, records = sum(file.size for file in files), sum(file.records for file in files)
    out.print(f"{len(files):,} files, {size / 1e6:,.1f} MB, {records:,} records, all read to their last byte")
    if nothing:
        out.print(f"{nothing:,} pieces hold nothing: not listed then, or no such day; they are not asked for again")
    out.print("next: ./fx build-index data.source=files, then ./fx momentum data.source=files")


if __name__ == "__main__":
    sys.exit(exit_code(run, stopped="Stopped. What was fetched is kept; the same command goes on."))
