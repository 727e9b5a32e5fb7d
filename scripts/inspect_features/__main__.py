"""`./fx inspect-features`: a day's features under its price, on one time axis.

python -m scripts.inspect_features [--symbol S] [--date D] [--features a,b,.. | --family F] [--from HH:MM] [--to HH:MM]
[--out FILE] [key=value ...]

Writes one HTML page that needs no network. Without a symbol or date: the day on which most dollars were traded.
Without features: the most telling one of each family.
"""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from config.compose import load_config
from data.data_manager import DataManager, open_data
from data.day_clock import second_at
from data.layout import SECONDS
from feature.docs import telling
from feature.registry import Registered, select
from scripts.audit.market import dollar_volumes
from scripts.command import Parser, date_option, exit_code
from scripts.inspect_features.page import Span, write_page
from simulators.market_simulator import MarketSimulator
from utils.errors import ConfigError, DataError, nearest
from utils.logger import setup_logging
from utils.paths import anchored, path_part, shown

BASE = "scan"


def parser() -> Parser:
    """The command line."""
    made = Parser("./fx inspect-features", __doc__)
    made.add_argument("--symbol", metavar="S", help="default: the liveliest")
    made.add_argument("--date", type=date_option, metavar="YYYY-MM-DD", help="default: the liveliest")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--features", metavar="a,b,..", help="names, as in docs/features.md")
    which.add_argument("--family", metavar="F", help="all features of a family")
    made.add_argument("--from", dest="start", metavar="HH:MM", default="04:00", help="New York time")
    made.add_argument("--to", dest="stop", metavar="HH:MM", default="20:00", help="New York time")
    made.add_argument("--out", type=Path, metavar="FILE", help="default: cache/inspect/SYMBOL-DATE.html")
    return made


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, words = parser().read(arguments)
    span = Span(second(options.start, "--from"), second(options.stop, "--to"))
    if span.first >= span.stop:
        raise ConfigError(f"--from {options.start} is not before --to {options.stop}", fix="swap them")
    config = load_config(BASE, words)
    entries = select(config.feature)
    chosen = chosen_features(entries, options.features, options.family)
    data = open_data(config.data, config.sample, config.timeline)
    day = MarketSimulator(data, config.timeline, anchored(config.data.cache)).day(
        *liveliest(data, options.symbol, options.date)
    )
    out = options.out or anchored(config.data.cache) / "inspect" / f"{path_part(day.symbol)}-{day.date}.html"
    write_page(out, day, entries, chosen, span)
    print(f"{day.name}: {len(chosen)} of {len(entries)} features: {shown(out)}")
    return 0


def second(text: str, option: str) -> int:
    """Second of the day of a New York time. Raises ConfigError if it is none from 04:00 to 20:00."""
    try:
        dt.datetime.strptime(text, "%H:%M")
    except ValueError as why:
        raise ConfigError(f"{option} {text!r} is no time", fix=f"{option} 09:30") from why
    found = second_at(text)
    if not 0 <= found <= SECONDS:
        raise ConfigError(f"{option} {text} is outside the day", where="04:00 to 20:00 New York", fix=f"{option} 09:30")
    return found


def chosen_features(entries: Sequence[Registered], names: str | None, family: str | None) -> list[Registered]:
    """Those of that name, or of that family, or the most telling of each. Raises ConfigError with the nearest."""
    by_name = {entry.feature.name: entry for entry in entries}
    by_family: dict[str, list[Registered]] = {}
    for entry in entries:
        by_family.setdefault(entry.feature.family, []).append(entry)
    if family is not None:
        if family not in by_family:
            raise _unknown("family", family, by_family)
        return by_family[family]
    if names is None:
        return [by_name[telling(members)[0]] for _, members in sorted(by_family.items())]
    wanted = list(dict.fromkeys(filter(None, (name.strip() for name in names.split(",")))))
    for name in wanted:
        if name not in by_name:
            raise _unknown("feature", name, by_name)
    if not wanted:
        raise ConfigError("--features names none", fix="name some, separated by commas, or leave it out")
    return [by_name[name] for name in wanted]


def _unknown(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    return ConfigError(
        f"there is no {kind} {name!r}", where="docs/features.md", near=nearest(name, known) or sorted(known)[:8]
    )


def liveliest(data: DataManager, symbol: str | None, date: dt.date | None) -> tuple[str, dt.date]:
    """The symbol and date; the one on which most dollars were traded where they leave a choice.

    Raises DataError if there is no such symbol, or no data on that date.
    """
    resolved = None if symbol is None else data.resolve(symbol)
    if resolved is not None and date is not None:
        return resolved, date
    rows = [row for row in dollar_volumes(data) if resolved in (None, row[1])]
    there = [row for row in rows if date in (None, row[2])]
    if there:
        return max(there, key=lambda row: row[0])[1:]
    raise DataError(
        f"no symbol has events on {date}" if date is not None else f"{resolved} has no session with events",
        where=data.provider.folder,
        near=[str(near) for near in _nearest_dates({row[2] for row in rows}, date)],
    )


def _nearest_dates(dates: set[dt.date], date: dt.date | None) -> list[dt.date]:
    return [] if date is None else sorted(dates, key=lambda other: abs(other - date))[:3]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
