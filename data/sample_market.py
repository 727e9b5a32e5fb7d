"""The sample market: a deterministic, documented, SYNTHETIC market, written as the .dbn.zst files a user would have.

The symbols carry the names of real tickers; nothing else about them is real. All behave like low-float stocks of a
few dollars. Values come from `config/sample/*.yaml`; a(t), p(t), q(t) below are series in steps of one second.

Activity a(t) in [0, 1]: 1-3 windows of 1-2 hours on active days, a faint U over regular hours on all others.
Pressure p(t): Ornstein-Uhlenbeck, unit variance, half-life `signal_halflife_s`; q(t) = a(t) p(t) is what shows.
Order flow at t follows q(t) at once:
    P(event is buyer-sided) = 1 / (1 + exp(-flow_gain q)), for trades and for orders added or taken at the best prices
    events per second = rate * a * (1 + surge |q|) / (1 + 0.8 surge a)
    sizes of new best prices = 0.7 displayed_shares * exp(+-0.4 q) * lognormal
The price follows later. With E an exponentially distributed delay of mean `lead_s`:
    d ln(mid) = signal_strength * E[q](t) dt + sigma(t) dW - sigma(t)^2 / 2 dt,   sigma = noise_bps * sqrt(a)
so order-flow imbalance and volume surges lead returns by about lead_s .. signal_halflife_s seconds.
Active days are momentum days (gap, run-up, most of it kept) or faders (gap, spike, close below the open): this path
is pinned at the open and at the close to the planned levels, linearly in the share of the day's activity that is done.
Some have a burst: a move of `burst` within 1-3 minutes; most have one or two flushes: a drop by `flush` within
20-45 s. Nothing announces either, and the order flow does not tell of them.
Spread: spread_bps at full activity, up to twice that when thin, 1.5 times as much outside regular hours, whole ticks.
LULD pauses follow from the path (15 s outside the Tier 2 band around the 5-minute mean); news halts precede windows.

`variant: placebo`: the same activity, order flow, sizes and spreads, but
    d ln(mid) = s(t) dW - s(t)^2 / 2 dt,   s^2 = sigma^2 + signal_strength^2 E[a]^2 tau / (tau + lead_s),
    tau = signal_halflife_s / ln 2:
the same volatility from second to second, a martingale, independent of the flow; run-ups happen overnight instead,
and a burst or a flush is its time of noise of about the same variance.

Beside them reference.csv: shares outstanding and float as of their dates; a split and offerings change them.

Flaws on purpose, as in real folders: a reverse split that nobody announces, one day with trades only (its mbp-1 file
lies cut in `broken/`), one day without status, one symbol without shares and one without float, instrument ids that
change daily, winter evenings in the next UTC file.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numba
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.schema import SampleMarketConfig
from data.calendar import utc_midnight_ns
from data.dbn_writer import write_dbn
from data.reference import COLUMNS, REFERENCE_FILE
from data.sample_model import DayKind, DayPlan, plan_days
from data.sample_records import DayFiles, SymbolWriter
from data.sample_shares import share_counts
from utils.atomic import new_folder, write_text
from utils.errors import ConfigError
from utils.hashing import FileHashes, json_hash, text_hash
from utils.logger import console, get_logger
from utils.paths import ROOT, anchored, shown

DATASET = "SYNTHETIC.FXAI"
"""Dataset code in every header; whatever starts with "SYNTHETIC" is shown as synthetic everywhere."""
MANIFEST = "manifest.json"
BROKEN_KEEPS = 0.6
"""Share of its bytes that the cut file in broken/ keeps."""
CODE = (
    "data/layout.py",
    "data/reference.py",
    "data/dbn_writer.py",
    "data/sample_kernels.py",
    "data/sample_market.py",
    "data/sample_model.py",
    "data/sample_records.py",
    "data/sample_shares.py",
    "utils/seeding.py",
)
"""What the bytes depend on besides the configuration."""

log = get_logger(__name__)


def sample_key(config: SampleMarketConfig) -> str:
    """Hash of everything that the content of the files depends on."""
    plain = dataclasses.asdict(config)
    plain = {k: v for k, v in plain.items() if k not in ("folder", "workers")}
    sources = [(ROOT / name).read_text() for name in CODE]
    return text_hash(json_hash(plain), numba.__version__, np.__version__, *sources)


def ensure_sample_market(config: SampleMarketConfig) -> Path:
    """The folder with the sample market of that configuration, made if it is not there yet.

    A folder made from another configuration is replaced, but only if its manifest says that it is synthetic;
    ConfigError otherwise. The folder appears whole or not at all.
    """
    folder, key = anchored(config.folder), sample_key(config)
    if folder.exists():
        manifest = _manifest(folder)
        if manifest.get("key") == key:
            return folder
        if manifest.get("synthetic") is not True and any(folder.iterdir()):
            raise ConfigError(
                f"The folder of the sample market holds something else: {shown(folder)}",
                where=folder / MANIFEST,
                fix="choose another sample.folder, or remove that one yourself",
            )
    log.info("making the synthetic sample market (%s) in %s", config.variant, shown(folder))
    with new_folder(folder) as made:
        plans = plan_days(config)
        files = _write_symbols(config, plans, made)
        _write_daily(plans, files, made)
        _write_reference(config, plans, made)
        _break_one(plans, made)
        _write_notes(config, key, plans, made)
        if folder.exists() and _manifest(folder).get("key") != key:  # not what another process made meanwhile
            shutil.rmtree(folder)
    return folder


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError):
        return {}


def _write_symbols(
    config: SampleMarketConfig, plans: dict[str, list[DayPlan]], folder: Path
) -> dict[str, list[DayFiles]]:
    """All files of all symbols. Threads: kernels and compression run without the GIL, and no process has to start."""
    total = sum(map(len, plans.values()))
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("sample market (synthetic)", total=total)

        def work(symbol: str) -> list[DayFiles]:
            return _write_symbol(config, plans, symbol, folder, lambda: progress.advance(task))

        with ThreadPoolExecutor(config.workers) as pool:
            return dict(zip(plans, pool.map(work, plans), strict=True))


def _write_symbol(
    config: SampleMarketConfig,
    plans: dict[str, list[DayPlan]],
    symbol: str,
    folder: Path,
    done: Callable[[], None],
) -> list[DayFiles]:
    writer = SymbolWriter(config, symbol, folder, DATASET)
    out: list[DayFiles] = []
    for plan in plans[symbol]:
        out.append(writer.write_day(plan))
        done()
    writer.close()
    return out


def _write_daily(plans: dict[str, list[DayPlan]], files: dict[str, list[DayFiles]], folder: Path) -> None:
    """Daily bars of all symbols in one file, in order of date, with that date's instrument ids."""
    rows = [day.daily for days in files.values() for day in days]
    bars = np.concatenate(rows)
    bars = bars[np.lexsort((bars["instrument_id"], bars["ts_event"]))]
    day = dt.timedelta(days=1)
    symbols = {
        symbol: [
            (p.session.date, p.session.date + day, f.instrument_id) for p, f in zip(days, files[symbol], strict=True)
        ]
        for symbol, days in plans.items()
    }
    dates = [plan.session.date for plan in next(iter(plans.values()))]
    start, end = utc_midnight_ns(dates[0]), utc_midnight_ns(dates[-1] + day)
    path = folder / "daily" / f"{dates[0]}_{dates[-1]}.ohlcv-1d.dbn.zst"
    write_dbn(path, "ohlcv-1d", bars, dataset=DATASET, symbols=symbols, start_ns=start, end_ns=end)


def _write_reference(config: SampleMarketConfig, plans: dict[str, list[DayPlan]], folder: Path) -> None:
    """reference.csv: one row a symbol and one more where the number of shares changes.

    Unknown, as in real tables: all of the second symbol, and the float of the third.
    """
    rows = [",".join(COLUMNS)]
    for symbol, days in plans.items():
        if symbol not in config.symbols[1:2]:
            counted = share_counts(config, days)
            known = symbol not in config.symbols[2:3]
            rows += [
                f"{s.day.symbol},{s.day.session.date},{s.outstanding},{s.floating if known else ''}" for s in counted
            ]
    write_text(folder / REFERENCE_FILE, "\n".join(rows) + "\n")


def _break_one(plans: dict[str, list[DayPlan]], folder: Path) -> None:
    """Move the mbp-1 file of the day that is to have trades only to broken/, cut short."""
    for days in plans.values():
        for plan in days:
            if "mbp-1" not in plan.missing:
                continue
            name = f"{plan.session.date}.mbp-1.dbn.zst"
            whole = folder / plan.symbol.lower() / name
            content = whole.read_bytes()
            broken = folder / "broken" / f"{plan.symbol.lower()}-{name}"
            broken.parent.mkdir(exist_ok=True)
            broken.write_bytes(content[: int(BROKEN_KEEPS * len(content))])
            whole.unlink()


def _write_notes(config: SampleMarketConfig, key: str, plans: dict[str, list[DayPlan]], folder: Path) -> None:
    hashes = FileHashes(folder / "unused.json")
    days = [
        {"symbol": p.symbol, "date": p.session.date.isoformat(), "kind": p.kind.name.lower()}
        for plan in plans.values()
        for p in plan
        if p.kind != DayKind.QUIET
    ]
    manifest = {
        "synthetic": True,
        "about": "Generated prices. Nothing in this folder happened.",
        "key": key,
        "dataset": DATASET,
        "config": {k: v for k, v in dataclasses.asdict(config).items() if k not in ("folder", "workers")},
        "active_days": days,
        "files": {p.relative_to(folder).as_posix(): hashes.of(p) for p in sorted(folder.rglob("*.dbn.zst"))},
    }
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    write_text(folder / "README.txt", _README.format(dataset=DATASET, variant=config.variant, seed=config.seed))


_README = """SYNTHETIC DATA - nothing in this folder happened.

Made by data/sample_market.py (variant {variant}, seed {seed}). The symbols are named after real tickers, but their
prices, volumes, halts and splits are generated and say nothing about the companies. Dataset code: {dataset}.
broken/ holds one file cut short on purpose; manifest.json has the configuration and a hash of every file.
The folder may be removed at any time; it is made again with the same bytes.
"""
