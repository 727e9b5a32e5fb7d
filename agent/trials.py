"""Every policy that was ever tried on the sessions of a split, so that luck can be told by the true number of tries.

One file a split, one JSON line a try, only ever added to. Several processes may write at once.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.statistics.luck import Tried, sharpe_per_session
from agent.statistics.sessions import Sessions
from utils.logger import get_logger
from utils.paths import shown

log = get_logger(__name__)

VALIDATION, BACKTEST = "validation", "backtest"


class Trial(NamedTuple):
    """One policy over one set of sessions."""

    time: str
    """UTC, ISO."""
    kind: str
    """VALIDATION or BACKTEST."""
    model: str
    """Where it was saved."""
    weights: str
    """Hash of its parameters."""
    config: str
    """Hash of what it was tried under."""
    dates: tuple[str, ...]
    """Sessions, ISO."""
    pnl: tuple[float, ...]
    """Net dollars of each."""
    capital: float
    """Dollars each morning."""

    @classmethod
    def of(cls, kind: str, model: str, weights: str, config: str, sessions: Sessions) -> Trial:
        """Now."""
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        dates = tuple(date.isoformat() for date in sessions.dates)
        return cls(now, kind, model, weights, config, dates, tuple(sessions.pnl.tolist()), sessions.capital)

    @property
    def key(self) -> tuple[str, str]:
        """The same for the same policy under the same conditions: trying that again teaches nothing new."""
        return self.weights, self.config

    @property
    def sharpe(self) -> float:
        """Per session; 0 without spread."""
        return sharpe_per_session(np.array(self.pnl))


class TrialLedger:
    """The tries on one split."""

    def __init__(self, folder: Path, split: str) -> None:
        """folder: of all ledgers; split: hash of the split."""
        self.path = folder / f"{split}.jsonl"

    def append(self, trial: Trial) -> None:
        """Add a line, whole and on disk when this returns. OSError if the disk refuses."""
        line = json.dumps(trial._asdict(), allow_nan=False).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
            size = os.fstat(file.fileno()).st_size
            if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                line = b"\n" + line  # the power failed within the line before
            file.write(line)
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[Trial]:
        """All tries, oldest first; a line that a power failure cut short is left out, and said to be."""
        if not self.path.exists():
            return []
        trials: list[Trial] = []
        for number, line in enumerate(self.path.read_bytes().splitlines(), 1):
            try:
                told = json.loads(line)
            except ValueError:
                log.warning("line %d of %s is damaged: one try less is counted", number, shown(self.path))
                continue
            trials.append(Trial(**told | {"dates": tuple(told["dates"]), "pnl": tuple(told["pnl"])}))
        return trials


def tried(trials: Iterable[Trial], sessions: int = 0) -> Tried:
    """Each policy once, by its latest backtest, or its latest validation if it has none.

    sessions: length of the series that is judged, if the tries were made over shorter ones: luck alone spreads Sharpe
    ratios by one over the root of the length, so they are scaled to it. 0: they are taken as they are.
    """
    latest: dict[tuple[str, str], Trial] = {}
    for trial in sorted(trials, key=lambda one: (one.kind == BACKTEST, one.time)):
        latest[trial.key] = trial
    ratios = [one.sharpe * math.sqrt(len(one.pnl) / sessions if sessions else 1) for one in latest.values()]
    return Tried(max(len(ratios), 1), float(np.std(ratios, ddof=1)) if len(ratios) > 1 else 0.0)


def side_by_side(trials: Iterable[Trial], dates: Sequence[dt.date]) -> npt.NDArray[np.float64]:
    """P&L of the different policies that were tried on exactly these sessions [T, N], in the order of their first try.

    For `agent.statistics.overfitting` and `superiority`: among these one was picked.
    """
    wanted = tuple(date.isoformat() for date in dates)
    latest = {trial.key: trial.pnl for trial in trials if trial.dates == wanted}
    return np.array(list(latest.values()), np.float64).reshape(-1, len(wanted)).T
