"""Weights & Biases, offline by default: files below the run's folder, nothing sent, nothing asked.

Whether a run is online is decided *before* it starts (a failed online start cannot be repaired in the same process):
online needs a key and a host that answers. Whatever goes wrong in W&B is the publisher's to tell: training goes on.
"""

from __future__ import annotations

import contextlib
import http.client
import netrc
import os
import signal
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from metrics.explanation import Explanation, FeatureUse
from metrics.hub import MetricSink, RunInfo, metric_sink
from metrics.layout import TRADE_ROW
from metrics.notes import Kind
from metrics.publisher import Note
from metrics.registry import STEP
from utils.logger import get_logger
from utils.paths import CACHE, shown

log = get_logger(__name__)
ANSWER_S = 3.0
"""A server that says nothing for so long when the run starts is not there."""
INIT_S = 20.0
"""W&B's own start may take so long; a process that ends meanwhile has to wait for it."""
MOST_TRADES = 10_000
"""Rows of the table of round trips: the newest ones."""
BARS = 20
"""Features of an explanation that get a bar."""
TRADE_COLUMNS = [name for name in TRADE_ROW.names or () if name != "day"]
SERVICE = "wandb-core"
"""Process that W&B's library talks to."""
DEFAULT_HOST = "https://api.wandb.ai"


class NoSink:
    """W&B switched off or not usable."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class WandbSink:
    """One W&B run: numbers by step, round trips as a table, a backtest's report as an artifact.

    A run that is resumed gets a new id in the group of its lineage: an offline run that took up its old id would
    replace the first part on the server. The first part may hold some rollouts beyond the checkpoint that the second
    goes on from; they are in both.
    """

    def __init__(self, run: RunInfo, wandb: Any, mode: str) -> None:
        run.folder.mkdir(parents=True, exist_ok=True)  # W&B would quietly write to /tmp instead
        self._wandb = wandb
        settings = wandb.Settings(
            mode=mode,
            silent=True,
            console="off",
            root_dir=str(run.folder),
            disable_git=True,
            save_code=False,
            x_disable_stats=True,
            x_disable_meta=True,  # the command line may hold a password, of a search's database
            init_timeout=INIT_S,
        )
        part = "" if run.resumed_at is None else f" from {run.resumed_at:,}"
        self._run: Any = wandb.init(
            project=run.wandb.project,
            group=run.wandb.group or run.group or None,
            job_type=run.job,
            name=f"{run.folder.name}{part}",
            config=run.config,
            dir=str(run.folder),
            settings=settings,
        )
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP)
        self._folder = Path(self._run.settings.sync_dir)
        self._offline = mode == "offline"
        self._days = run.days
        self._trades: deque[list[Any]] = deque(maxlen=MOST_TRADES)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One call per rollout."""
        self._run.log({STEP: step, **values})

    def rows(self, step: int, tables: Mapping[str, npt.NDArray[np.void]]) -> None:
        """Keep the newest round trips for the table."""
        trades = tables.get("trades", np.zeros(0, TRADE_ROW))
        columns = [trades[name].tolist() for name in TRADE_COLUMNS]
        for number, *values in zip(trades["day"].tolist(), *columns, strict=True):
            day = self._days[number].day
            self._trades.append([step, day.symbol, day.date.isoformat(), *values])

    def note(self, note: Note) -> None:
        """A report becomes an artifact, an explanation a table of its features and bars of the first."""
        if note.kind == Kind.EXPLANATION and note.data["file"]:
            self._explain(note.step, Explanation.read(Path(note.data["file"])))
        if note.kind != Kind.REPORT:
            return
        artifact = self._wandb.Artifact(self._run.name, type="report", description=note.text)
        for file in note.data["files"]:
            artifact.add_file(str(file))
        self._run.log_artifact(artifact)

    def _explain(self, step: int, told: Explanation) -> None:
        uses = sorted(told.features, key=lambda use: -use.action)
        table = self._wandb.Table(columns=["explained", *FeatureUse._fields], data=[[told.step, *use] for use in uses])
        first = self._wandb.Table(columns=["feature", "share"], data=[[use.name, use.action] for use in uses[:BARS]])
        title = f"share of the action's attribution, policy of step {told.step:,}"
        bars = self._wandb.plot.bar(first, "feature", "share", title=title)
        self._run.log({STEP: step, "explain/features": table, "explain/first": bars})

    def close(self) -> None:
        """Finish the run; say how an offline one gets to the server."""
        if self._trades:
            columns = [STEP, "symbol", "date", *TRADE_COLUMNS]
            self._run.log({"trades": self._wandb.Table(columns=columns, data=list(self._trades))})
        self._run.finish()
        if self._offline:
            log.info("W&B offline; to upload: wandb sync %s", shown(self._folder))

    def abandon(self) -> None:
        """End W&B's own process: it does not answer, and the interpreter would wait for it at its exit, for ever."""
        for child in _children():
            with contextlib.suppress(OSError):
                if child.joinpath("comm").read_text().strip() == SERVICE:
                    os.kill(int(child.name), signal.SIGKILL)


def _children() -> list[Path]:
    """Entries of /proc of this process's children; none where there is no /proc."""
    told = (task.joinpath("children").read_text() for task in Path("/proc/self/task").glob("*"))
    return [Path("/proc") / number for line in told for number in line.split()]


@metric_sink("wandb")
def open_wandb(run: RunInfo) -> MetricSink:
    """The sink for the configured mode; falls back to offline, then to nothing, with a sentence each."""
    mode = usable_mode(run.wandb.mode)
    if mode == "disabled":
        return NoSink()
    for folder in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        os.environ.setdefault(folder, str(CACHE / "wandb"))
    import wandb

    return WandbSink(run, wandb, mode)


def usable_mode(wanted: str) -> str:
    """`wanted`, or offline where online has no key or no connection."""
    if wanted != "online":
        return wanted
    host = urlsplit(os.environ.get("WANDB_BASE_URL", DEFAULT_HOST))
    name = host.hostname or ""
    if not _has_key(name):
        log.warning("W&B: no key (WANDB_API_KEY or `wandb login`), so this run is recorded offline")
        return "offline"
    kind = http.client.HTTPSConnection if host.scheme == "https" else http.client.HTTPConnection
    try:
        with contextlib.closing(kind(name, host.port, timeout=ANSWER_S)) as server:
            server.request("HEAD", "/")
            server.getresponse()
    except (OSError, http.client.HTTPException) as why:
        log.warning("W&B: %s does not answer (%s), so this run is recorded offline", name, why)
        return "offline"
    return wanted


def _has_key(host: str) -> bool:
    if os.environ.get("WANDB_API_KEY"):
        return True
    path = Path(os.environ.get("NETRC", "~/.netrc")).expanduser()
    try:
        return netrc.netrc(path).authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
