"""The command line on a sample market of a few seconds, everything below one folder.

The market itself is made once for all tests of a run: their caches begin as links to what was computed then.
"""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

from utils.paths import ROOT

SHARED = "FX_TEST_MARKET"
"""Environment variable: a folder of this run of tests, see tests/conftest.py."""
OWN = ("trials",)
"""Of a cache: what tests must not see of each other."""
SYMBOLS = ("MLGO", "KZIA", "SNTI")
SESSIONS = 10


def places(folder: Path) -> list[str]:
    """Overrides that keep all that a run reads and writes below `folder`."""
    return [
        f"data.folder={folder / 'dnb'}",
        f"data.cache={folder / 'cache'}",
        f"sample.folder={folder / 'sample'}",
        f"runs={folder / 'runs'}",
        f"models={folder / 'models'}",
    ]


def small(folder: Path) -> list[str]:
    """Overrides for the market of three symbols and ten sessions; all that a run writes is below `folder`."""
    shared, cache = made_once(), folder / "cache"
    if not cache.exists():
        shutil.copytree(shared / "cache", cache, copy_function=_taken, ignore=shutil.ignore_patterns(*OWN))
    return _small(folder, shared / "sample")


def _taken(source: str, target: str) -> None:
    """A link, but for tables of files: those are appended to in place."""
    (shutil.copy2 if source.endswith(".jsonl") else os.link)(source, target)


def _small(folder: Path, sample: Path) -> list[str]:
    words = [word for word in places(folder) if not word.startswith("sample.folder=")]
    return [
        *words,
        f"sample.folder={sample}",
        f"sample.symbols=[{','.join(SYMBOLS)}]",
        f"sample.sessions={SESSIONS}",
        "sample.active_share=0.6",
        "sample.split_session=3",
        "cluster.workers=1",
        "scanner.trigger.min_gain=0.02",
        "scanner.trigger.min_dollar_volume=0",
        "scanner.trigger.min_rvol=0",
        "scanner.trigger.max_float=0",
    ]


@functools.cache
def made_once() -> Path:
    """The folder of the market, with the days and features that a training and a backtest read."""
    shared = Path(os.environ[SHARED])
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "whole").exists():
            few = ["training.total_steps=512", "env.decision_interval_s=60", "dashboard.enabled=never"]
            words = [*_small(shared, shared / "sample"), *tiny_training(), *few]
            command = [sys.executable, str(ROOT / "main.py"), "--config", "demo", *words]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            (shared / "whole").touch()
    return shared


def tiny_training(seconds: float = 0.0) -> list[str]:
    """Overrides for a training of four rollouts, or of so many seconds."""
    return [
        "training.lanes=8",
        "training.n_steps=64",
        "training.batch_size=256",
        "training.n_epochs=2",
        f"training.time_limit_s={seconds}",
        f"training.total_steps={1_000_000 if seconds else 4 * 8 * 64}",
        "training.threads=1",
        "model.d_model=16",
        "model.heads=2",
        "model.ffn=32",
        "model.hidden=[16]",
        "backtest.random_draws=2",
        "backtest.bootstrap_draws=100",
        "explain.every=0",
        "explain.trades=0",
    ]


if __name__ == "__main__":
    made_once()
