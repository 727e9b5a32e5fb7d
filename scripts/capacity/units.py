"""What one of each costs on this machine, in CPU seconds and bytes: measured on days of the sample market (synthetic).

CPU seconds, not wall time: other programs do not lengthen them by their own share. They share caches and the core's
other thread all the same, so on a busy machine CPU seconds are too many, by up to about two times, and never too few.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch

from agent.backtest import Backtest
from agent.backtest_days import BacktestDay, Found
from agent.policy_runner import PolicyRunner
from ai.feature_store import open_store
from ai.policy import block_policy
from config.compose import load_config
from data.data_manager import DataManager
from data.market_day import MarketDay
from data.sample_universe import Universe, write_universe
from data.scanner.judge import judge
from scripts.bench.days import BenchDays, bench_days
from scripts.bench.scaling import CENTRE
from scripts.bench.training_run import measure
from scripts.bench_universe import LAST_DATE, SETTINGS, index_once
from simulators.day_bank import DayBank
from utils.shared_store import packed

DAYS = 4
"""Days that are measured, the liveliest of the small sample market."""
FEW_ROUNDS, MORE_ROUNDS = 1, 3
"""Rollouts of two trainings: what the longer one takes more is the cost of its steps, without its start."""
LANES, N_STEPS = 64, 64
SMALL = Universe(symbols=60, sessions=40, last_date=LAST_DATE, seed=0, active=0.02)
"""Scanned twice: what the first scan takes more is the cost of judging."""
QUIET = Universe(symbols=500, sessions=250, last_date=LAST_DATE, seed=0, active=0.0)
"""Nothing to judge: headers, daily bars and stage one alone."""
BACKTEST = ("env.decision_interval_s=1", "backtest.days=all")


@dataclass(frozen=True, kw_only=True)
class Units:
    """Costs of one; seconds of CPU, bytes on disk."""

    read_s: float  # a day's mbp-1 file
    timeline_s: float  # a day's arrays, from records that are read
    features_s: float
    judge_s: float  # a day whose arrays are there
    screen_s: float  # a symbol-day in a scan that finds nothing: headers, daily bars, stage one
    judged_bars_s: float  # a day of one-second bars in a scan, from its file to its verdict
    step_s: float  # a step of training: rollout and all passes over it
    start_s: float  # a training process: imports, days, compiled code from the disk
    backtest_day_s: float  # a policy that decides every second of a day
    records: float  # of a day's mbp-1 file
    file_bytes: float
    day_bytes: float  # a stored day
    features_bytes: float
    shared_day_bytes: float  # the same two in the shared cache
    shared_features_bytes: float
    verdict_bytes: float


class Machine(NamedTuple):
    """Where it was measured."""

    cpu: str
    cores: int
    load: float
    """Programs that wanted to run at the end of the measuring, on average over 15 minutes."""
    date: str
    python: str
    torch: str


def machine() -> Machine:
    """This one, now."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    today = dt.datetime.now(dt.UTC).date().isoformat()
    load = round(os.getloadavg()[2], 1)
    return Machine(cpu, os.cpu_count() or 1, load, today, platform.python_version(), torch.__version__)


def measure_units(say: Callable[[str], None]) -> Units:
    """All of them; a few minutes on a quiet machine."""
    torch.set_num_threads(1)
    say("days: reading, timeline, features, judging")
    bench = bench_days(DAYS)
    days = _days(bench)
    say("scans: one of one-second bars, one of daily bars")
    _indexed(SMALL._replace(symbols=20), 1)  # compiles what is not compiled yet
    scans = scan_units()
    say("a backtest of one day")
    backtest_day_s = _backtest_day_s(bench)
    say("training, two processes")
    step_s, start_s = _training()
    return Units(**days, **scans, backtest_day_s=backtest_day_s, step_s=step_s, start_s=start_s)


def cpu_of(work: Callable[[], object]) -> float:
    """CPU seconds of one call, all threads of this process."""
    start = time.process_time()
    work()
    return time.process_time() - start


# ---------------------------------------------------------------- days
def _days(bench: BenchDays) -> dict[str, float]:
    """Means over the days, after one that is not counted."""
    units_of_day(bench, bench.days[0])
    rows = [units_of_day(bench, day) for day in bench.days]
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def units_of_day(bench: BenchDays, day: MarketDay) -> dict[str, float]:
    """What of `Units` one day tells."""
    key, data = (day.symbol, day.date), bench.data
    read_s, records = _read(data, day)
    build_s = cpu_of(lambda: bench.simulator.build(*key))
    files = data.provider.source_files(*key, "mbp-1")
    verdict = json.dumps(judge(day, bench.config.scanner).row, default=str)
    with tempfile.TemporaryDirectory(prefix="fx-capacity-") as name:
        stored, features = Path(name) / "day", Path(name) / "features"
        day.save(stored)
        bench.extractor.build(day).save(features)
        sizes = {
            "day_bytes": _bytes(stored),
            "features_bytes": _bytes(features),
            "shared_day_bytes": len(packed(stored)),
            "shared_features_bytes": len(packed(features)),
        }
    return {
        "read_s": read_s,
        "timeline_s": max(build_s - read_s, 0.0),
        "features_s": cpu_of(lambda: bench.extractor.build(day)),
        "judge_s": cpu_of(lambda: judge(day, bench.config.scanner)),
        "records": records,
        "file_bytes": sum(path.stat().st_size for path in files),
        "verdict_bytes": len(verdict),
        **sizes,
    }


def _read(data: DataManager, day: MarketDay) -> tuple[float, int]:
    """(CPU seconds, records) of a day's events."""
    start = time.process_time()
    records = sum(len(chunk) for chunk in data.events(day.symbol, day.date)[1])
    return time.process_time() - start, records


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _indexed(universe: Universe, times: int) -> list[dict[str, float]]:
    """What so many scans of a universe say, one after the other."""
    with tempfile.TemporaryDirectory(prefix="fx-capacity-") as name:
        folder = Path(name)
        write_universe(universe, folder / "files", 60.0)
        words = [*SETTINGS, f"data.folder={folder / 'files'}", f"data.cache={folder / 'cache'}"]
        config = load_config("build_index", words)
        return [index_once(config) for _ in range(times)]


def scan_units() -> dict[str, float]:
    """What of `Units` scans tell; the kernels have run before."""
    first, again = _indexed(SMALL, 2)
    (quiet,) = _indexed(QUIET, 1)
    return {
        "screen_s": quiet["cpu_s"] / QUIET.symbol_days,
        "judged_bars_s": (first["cpu_s"] - again["cpu_s"]) / first["taken"],
    }


# ---------------------------------------------------------------- policies
def _backtest_day_s(bench: BenchDays) -> float:
    """As a backtest does it, traced; features are there, nothing is encoded yet."""
    config = load_config("momentum_training", list(BACKTEST))
    day = bench.days[0]
    store = open_store(bench.features()[:1], torch.device("cpu"), config.training.resident_mb << 20)
    weights = dict(block_policy(config.model, store, ahead=1).named_parameters())
    test = Backtest.of(config, DayBank([day], config.simulation), [BacktestDay(day.symbol, day.date, 0, Found.ALL)])
    policy = PolicyRunner(config.model, weights, store, device="cpu")
    return cpu_of(lambda: test.run(policy, traced=True))


def _training() -> tuple[float, float]:
    """(CPU seconds a step, of a process without its steps), with the passes that the configuration asks for."""
    passes = load_config("momentum_training", []).training.n_epochs
    setup = replace(CENTRE, lanes=LANES, n_steps=N_STEPS, batch=1024, passes=passes, threads=1, profile=False)
    few, more = (_child_s(lambda n=n: measure(replace(setup, rounds=n))) for n in (FEW_ROUNDS, MORE_ROUNDS))
    step_s = (more - few) / ((MORE_ROUNDS - FEW_ROUNDS) * LANES * N_STEPS)
    return step_s, max(few - FEW_ROUNDS * LANES * N_STEPS * step_s, 0.0)


def _child_s(work: Callable[[], object]) -> float:
    """CPU seconds of the processes that `work` starts and waits for."""
    start = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    work()
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - start
