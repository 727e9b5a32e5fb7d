"""Which symbols, and which of their days, are worth having: from a definition file, or from daily bars."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from config.schema import ScannerConfig
from data.databento_provider import DatabentoProvider
from data.dbn_header import read_header
from data.scanner.daily import TO_TIMELINE, screen
from utils.errors import ConfigError, DataError
from utils.paths import shown


def without(symbols: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """The symbols that no regular expression of `exclude` matches as a whole. Raises ConfigError for a bad one."""
    try:
        patterns = [re.compile(text) for text in exclude]
    except re.error as why:
        raise ConfigError(f"download.exclude has {why.pattern!r}: {why}", fix="mend the regular expression") from why
    return [symbol for symbol in symbols if not any(pattern.fullmatch(symbol) for pattern in patterns)]


def symbols_of(path: Path, exclude: Sequence[str]) -> list[str]:
    """The symbols of a Databento file (definitions, daily bars), sorted. Raises DataError if it is none."""
    if not path.is_file():
        raise DataError("there is no such universe file", where=shown(path), fix="--universe FILE.dbn.zst")
    found = read_header(path, path.name)
    if found is None:
        raise DataError("the universe file is no Databento file", where=shown(path), fix="--universe FILE.dbn.zst")
    symbols = without(sorted({row[0] for row in found[1]}), exclude)
    if not symbols:
        raise DataError("no symbol is left of the universe", where=shown(path), fix="see download.exclude")
    return symbols


def candidates(
    provider: DatabentoProvider, scanner: ScannerConfig, symbols: Sequence[str], sessions: Sequence[dt.date]
) -> list[tuple[str, list[dt.date]]]:
    """(symbol, its sessions) that the daily bars do not rule out: what the scanner would build a timeline of.

    symbols: empty for all that have daily bars. Raises DataError if no bar lies within the sessions.
    """
    bars = {symbol: provider.daily(symbol) for symbol in symbols or provider.symbols()}
    judged = screen({symbol: rows for symbol, rows in bars.items() if len(rows)}, scanner)
    asked = set(sessions)
    found: defaultdict[str, list[dt.date]] = defaultdict(list)
    seen = 0
    for row, verdict in enumerate(judged.verdict.tolist()):
        symbol, date = judged.key(row)
        if date in asked:
            seen += 1
            if verdict in TO_TIMELINE:
                found[symbol].append(date)
    if not seen:
        first, last = sessions[0], sessions[-1]
        fix = f"./fx download --symbols ALL --schemas ohlcv-1d --start {first} --end {last}"
        raise DataError("candidates need daily bars of these dates", where=shown(provider.folder), fix=fix)
    return list(found.items())
