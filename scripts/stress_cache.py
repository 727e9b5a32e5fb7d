"""Two or more processes make days and features in one cache, and are killed at random: is every entry whole?

Writers race for the same entries, of ever new configurations, so that there is always something to make. They do so in
rounds, each in a folder of its own: at its end everything in the cache is opened and checked, and a sample of it is
compared, byte for byte, with what a process alone makes; then the folder is removed (some GB). Exit code 1 if an entry
is damaged or differs.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from config.compose import load_config
from config.schema import Config
from data.data_manager import DataManager, open_data
from data.market_day import ARRAYS, MarketDay
from feature.extractor import FeatureExtractor
from feature.feature_day import BRANCHES, DAMAGE, FeatureDay
from scripts.command import Parser, exit_code
from scripts.pipeline import out
from simulators.market_simulator import MarketSimulator
from utils.errors import DataError
from utils.logger import get_logger, setup_logging
from utils.paths import ROOT
from utils.seeding import stream

log = get_logger(__name__)

VARIANT_S = 1.0
"""How long all writers work on the same configuration."""
LIFE_S = (0.0, 4.0)
"""So long all writers are at work until one is killed, however long it took them to come up."""
ROUND_S = 30.0
"""So long is written into one folder: a fast machine fills several GB with it."""
COMPARED = 12
"""Entries of a round."""


@dataclass(frozen=True)
class Outcome:
    """What became of a cache, or of several."""

    days: int
    features: int
    kills: int
    left_over: int
    """Folders under names of their own that a kill left: invisible to readers, removed after an hour."""
    damaged: list[str]
    different: list[str]

    def __add__(self, other: Outcome) -> Outcome:
        """What became of both."""
        return Outcome(
            days=self.days + other.days,
            features=self.features + other.features,
            kills=self.kills + other.kills,
            left_over=self.left_over + other.left_over,
            damaged=self.damaged + other.damaged,
            different=self.different + other.different,
        )

    def __str__(self) -> str:
        return (
            f"{self.days} days and {self.features} features opened, {len(self.damaged)} damaged, {len(self.different)} "
            f"different; {self.left_over} left-overs that no reader sees; {self.kills} kills"
        )


def stress_parser() -> Parser:
    """The options."""
    parser = Parser("./fx stress-cache", __doc__)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long they write, default 300")
    parser.add_argument("--writers", type=int, default=2, help="at once, default 2")
    parser.add_argument("--as-writer", type=Path, help=argparse.SUPPRESS)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Write, or start writers, kill them and judge."""
    options, overrides = stress_parser().read(arguments)
    setup_logging("WARNING" if options.as_writer else "INFO")
    config = load_config("demo", overrides)
    if options.as_writer:
        write_forever(config, options.as_writer)
    outcome = Outcome(0, 0, 0, 0, [], [])
    left = options.seconds
    while left > 0:
        seconds = min(ROUND_S, left)
        with tempfile.TemporaryDirectory(prefix="fx-stress-") as folder:
            outcome += stress(config, Path(folder), seconds, options.writers, overrides)
        left -= seconds
        log.info("%g s left; %s", left, outcome)
    out.print(f"{outcome} of {options.writers} writers in {options.seconds:g} s")
    for what, names in (("damaged", outcome.damaged), ("not what a process alone makes", outcome.different)):
        for name in names:
            out.print(f"{what}: {name}")
    return int(bool(outcome.damaged or outcome.different))


# ---------------------------------------------------------------- writers
def write_forever(config: Config, cache: Path) -> None:
    """Make days and features of ever new configurations, until killed; a line on stdout says that it begins."""
    data = open_data(config.data, config.sample, config.timeline)
    names = [(symbol, date) for symbol in data.symbols() for date in data.sessions(symbol)]
    chance = stream(config.seed, "stress", os.getpid())
    extractor = FeatureExtractor(config.feature, cache)
    print("up", flush=True)
    for turn in itertools.count():
        simulator = MarketSimulator(data, variant(config, int(time.time() / VARIANT_S)).timeline, cache)
        symbol, date = names[(turn if turn % 2 else int(chance.integers(len(names)))) % len(names)]
        try:
            extractor.day(simulator.day(symbol, date))
        except DataError as why:
            if why.rule == "cache":  # what others are doing to the cache must never be seen
                raise
    raise AssertionError("unreachable")


def variant(config: Config, number: int) -> Config:
    """The configuration with another, equally good, timeline: its entries have keys of their own."""
    timeline = dataclasses.replace(config.timeline, halt_gap_s=config.timeline.halt_gap_s + number % 1000)
    return dataclasses.replace(config, timeline=timeline)


def stress(config: Config, cache: Path, seconds: float, writers: int, overrides: Sequence[str]) -> Outcome:
    """Keep `writers` processes busy on `cache`, killing one after the other; then judge."""
    chance = stream(config.seed, "stress")
    command = [sys.executable, "-m", "scripts.stress_cache", "--as-writer", str(cache), *overrides]
    alive: list[subprocess.Popen[str]] = []
    kills, until = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < until:
            while len(alive) < writers:
                alive.append(_start(command))
            time.sleep(float(chance.uniform(*LIFE_S)))
            victim = alive.pop(int(chance.integers(len(alive))))
            if victim.poll() is not None:
                raise DataError(f"a writer ended by itself with code {victim.returncode}", fix="see what it said above")
            _end(victim)
            kills += 1
    finally:
        for each in alive:
            _end(each)
    return judge(config, cache, kills)


def _start(command: Sequence[str]) -> subprocess.Popen[str]:
    """A writer that is at work."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    writer = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    writer.stdout.readline()  # nothing if it has ended, which is told when its turn comes
    return writer


def _end(writer: subprocess.Popen[str]) -> None:
    writer.kill()
    writer.communicate()  # also closes the pipe


# ---------------------------------------------------------------- the verdict
def judge(config: Config, cache: Path, kills: int) -> Outcome:
    """Open everything; compare some of it with what is made afresh."""
    damaged: dict[Path, str] = {}
    days = [path for path in (cache / "days").glob("*/*") if not path.name.startswith(".")]
    features = [path for path in (cache / "features").glob("*/*") if not path.name.startswith(".")]
    for path in days:
        try:
            MarketDay.open(path)
        except (DataError, OSError, ValueError) as why:
            damaged[path] = f"{path.name}: {why}"
    for path in features:
        try:
            FeatureDay.open(path)
        except DAMAGE as why:
            damaged[path] = f"{path.name}: {why}"
    left = len(list(cache.glob("*/*/.*")))
    data = open_data(config.data, config.sample, config.timeline)
    whole = [path for path in days if path not in damaged]
    some = whole[:: max(1, len(whole) // COMPARED)]
    different = [path.name for path in some if not _as_alone(config, data, path, cache)]
    return Outcome(len(days), len(features), kills, left, list(damaged.values()), different)


def _as_alone(config: Config, data: DataManager, path: Path, cache: Path) -> bool:
    """Whether day and features are those that come of its files in memory, with the configuration it was made with."""
    day = MarketDay.open(path)
    for number in range(1000):
        simulator = MarketSimulator(data, variant(config, number).timeline, cache)
        if simulator.key(day.symbol, day.date) == day.key:
            break
    else:
        return False
    fresh = simulator.build(day.symbol, day.date)
    extractor = FeatureExtractor(config.feature, cache)
    folder, built = extractor.folder(day), extractor.build(fresh)
    try:
        stored = FeatureDay.open(folder) if folder.exists() else None
    except DAMAGE:
        return False
    same = all(np.array_equal(getattr(day, name), getattr(fresh, name)) for name in ARRAYS)
    return same and (stored is None or all(np.array_equal(getattr(stored, b), getattr(built, b)) for b in BRANCHES))


if __name__ == "__main__":
    sys.exit(exit_code(run))
