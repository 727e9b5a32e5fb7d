"""The index of a whole market: what does a symbol-day cost, and does that stay so as the market grows?

Writes a SYNTHETIC universe (daily bars of every symbol, one-second bars of the days that stand out) in three sizes, a
quarter, a half and all of the symbols, and builds the index of each by the ordinary scan in a fresh process. Linear:
seconds per symbol-day stay the same. Flat: memory does not grow with the market. All of it goes to a folder below the
cache and is removed again; sizes that are done are not measured again after an interruption.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from config.compose import load_config
from config.schema import Config
from data.data_manager import open_data
from data.sample_universe import Universe, write_universe
from scripts.command import Parser, exit_code
from scripts.output import out
from scripts.pipeline import find_days, index_folder
from scripts.usage import cpu_s, peak_mb
from simulators.market_simulator import MarketSimulator
from utils.atomic import write_text
from utils.errors import ConfigError, DataError
from utils.hashing import json_hash
from utils.logger import get_logger, setup_logging
from utils.paths import ROOT, anchored, shown

log = get_logger(__name__)

LAST_DATE = dt.date(2025, 6, 30)
PARTS = (1, 2, 4)
"""The sizes: all symbols over each of these, the largest first."""
WARM_UP = (60, 40, 0.02)
"""Symbols, sessions and share of active days that are indexed beforehand, so that no kernel is compiled while measured.
"""
SETTINGS = ("data.source=files", "data.schema_priority=[mbp-1,trades,ohlcv-1s]", "cluster.workers=1")
LEAST_SYMBOLS = 8


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """What the index of one universe took. Wall seconds by step, and CPU seconds of all."""

    symbols: int
    sessions: int
    active_days: int
    second_bars: int
    files: int
    data_mb: float
    headers_s: float
    daily_s: float
    scan_s: float
    save_s: float
    again_s: float
    """The whole once more, with everything known."""
    cpu_s: float
    base_mb: float
    """Memory of the process before it has seen a file."""
    peak_mb: float
    """The most that the process had in memory, mapped files included."""
    taken: int
    triggered: int

    @property
    def symbol_days(self) -> int:
        """Daily bars."""
        return self.symbols * self.sessions

    @property
    def wall_s(self) -> float:
        """From nothing to the saved index."""
        return self.headers_s + self.daily_s + self.scan_s + self.save_s


def universe_parser() -> Parser:
    """The options."""
    parser = Parser("./fx bench-universe", __doc__)
    parser.add_argument("--symbols", type=int, default=5000, help="of the largest size, default 5000")
    parser.add_argument("--sessions", type=int, default=250, help="default 250")
    parser.add_argument("--active", type=float, default=0.01, help="share of symbol-days that stand out, default 0.01")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--fresh", action="store_true", help="measure again what an interrupted run has measured")
    parser.add_argument("--as-indexer", type=Path, help=argparse.SUPPRESS)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Measure all sizes and print what they say."""
    options, overrides = universe_parser().read(arguments)
    setup_logging("INFO")
    if options.as_indexer:
        write_text(options.as_indexer, json.dumps(index_once(load_config("build_index", overrides))))
        return 0
    if options.symbols < LEAST_SYMBOLS or options.sessions < 2:
        raise ConfigError(
            f"a universe of {options.symbols} symbols and {options.sessions} sessions is too small to be scanned",
            where="the command line",
            fix=f"--symbols {LEAST_SYMBOLS} --sessions 2, or more",
        )
    config = load_config("build_index", overrides)
    folder = anchored(config.data.cache) / "universe"
    if options.fresh:
        shutil.rmtree(folder, ignore_errors=True)
    warm = Universe(*WARM_UP[:2], LAST_DATE, config.seed, WARM_UP[2])
    sizes = [
        warm._replace(symbols=options.symbols // p, sessions=options.sessions, active=options.active) for p in PARTS
    ]
    _, *measured = (measure(size, folder, config, overrides) for size in (warm, *sizes))
    measured.reverse()
    out.print(table_of(measured))
    for line in verdict(measured):
        out.print(line)
    if options.json:
        write_text(options.json, json.dumps([asdict(each) for each in measured], indent=1) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    return 0


# ---------------------------------------------------------------- one size
def measure(universe: Universe, folder: Path, config: Config, overrides: Sequence[str]) -> Indexed:
    """Write the universe, index it twice in processes of their own, remove it. Known figures are not made again."""
    key = json_hash([str(universe), list(overrides)])[:8]
    place = folder / f"{universe.symbols}x{universe.sessions}-{key}"
    figures = place.with_suffix(".json")
    if figures.exists():
        log.info("%d symbols: measured before; --fresh measures them again", universe.symbols)
        return Indexed(**json.loads(figures.read_text()))
    files, cache = place / "synthetic", place / "cache"
    written = write_universe(universe, files, config.scanner.log_every_s)
    shutil.rmtree(cache, ignore_errors=True)  # an index that was interrupted would tell of its rest only
    words = [*SETTINGS, *overrides, f"data.folder={files}", f"data.cache={cache}"]
    first, again = (_in_process(words, place / "figures.json") for _ in range(2))
    found = Indexed(
        symbols=universe.symbols,
        sessions=universe.sessions,
        **written._asdict(),
        files=sum(1 for _ in files.rglob("*.dbn.zst")),
        data_mb=_megabytes(files),
        again_s=sum(again[step] for step in ("headers_s", "daily_s", "scan_s", "save_s")),
        **first,
    )
    write_text(figures, json.dumps(asdict(found)))
    shutil.rmtree(place)
    return found


def _in_process(words: Sequence[str], result: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.bench_universe", "--as-indexer", str(result), *words]
    code = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=False).returncode
    if code:
        raise DataError(
            f"the index was not built: code {code}", where=shown(result.parent), fix="see what it said above"
        )
    return json.loads(result.read_text())


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def index_once(config: Config) -> dict[str, float]:
    """The index as `./fx build-index` makes it, step by step. Figures by their name in `Indexed`."""
    base = peak_mb()
    clock, cpu, steps = time.perf_counter(), cpu_s(), list[float]()
    data = open_data(config.data, config.sample, config.timeline)
    steps.append(time.perf_counter())
    data.daily(data.symbols()[0])  # sorts the daily bars of all symbols
    steps.append(time.perf_counter())
    index = find_days(config, data, MarketSimulator(data, config.timeline, anchored(config.data.cache)), [])
    steps.append(time.perf_counter())
    index.save(index_folder(config))
    steps.append(time.perf_counter())
    headers, daily, scan, save = np.diff([clock, *steps]).tolist()
    summary = index.summary()
    return {
        "headers_s": headers,
        "daily_s": daily,
        "scan_s": scan,
        "save_s": save,
        "cpu_s": cpu_s() - cpu,
        "base_mb": base,
        "peak_mb": peak_mb(),
        "taken": summary["days"]["taken"],
        "triggered": summary["triggered"],
    }


# ---------------------------------------------------------------- what it says
def table_of(measured: Sequence[Indexed]) -> Table:
    """A row a size."""
    names = ("symbol-days", "judged", "files", "MB", "headers s", "daily s", "scan s", "again s", "CPU s", "peak MB")
    table = Table(*names, title="Index of a synthetic universe")
    for each in measured:
        counts = (each.symbol_days, each.taken, each.files, each.data_mb)
        times = (each.headers_s, each.daily_s, each.scan_s, each.again_s, each.cpu_s)
        table.add_row(*(f"{v:,.0f}" for v in counts), *(f"{v:,.1f}" for v in times), f"{each.peak_mb:,.0f}")
    return table


def verdict(measured: Sequence[Indexed]) -> list[str]:
    """Cost per symbol-day at the ends, and a line through all sizes for time and for memory."""
    days = np.array([each.symbol_days for each in measured], np.float64)
    lines: list[str] = []
    for what, seconds in (("CPU", [e.cpu_s for e in measured]), ("wall", [e.wall_s for e in measured])):
        each = 1e3 * np.array(seconds) / days
        slope, start = (round(value, 9) + 0.0 for value in np.polyfit(days, seconds, 1).tolist())
        lines.append(
            f"{what}: {each[0]:.3f} ms per symbol-day at {days[0]:,.0f}, {each[-1]:.3f} at {days[-1]:,.0f} "
            f"({each[-1] / each[0]:.2f}x); line: {start:.1f} s + {1e3 * slope:.3f} ms per symbol-day"
        )
    peaks = [e.peak_mb for e in measured]
    slope, start = np.polyfit(days, peaks, 1)
    lines.append(
        f"memory: {peaks[0]:,.0f} MB at {days[0]:,.0f}, {peaks[-1]:,.0f} MB at {days[-1]:,.0f} "
        f"({peaks[-1] / peaks[0]:.2f}x); line: {start:,.0f} MB + {1e6 * slope:,.0f} bytes per symbol-day"
    )
    return lines


if __name__ == "__main__":
    sys.exit(exit_code(run))
