"""Weights & Biases, offline by default: files below the run's folder, nothing sent, nothing asked.

Whether a run is online is decided *before* it starts (a failed online start cannot be repaired in the same process):
online needs a key and a host that answers. Whatever goes wrong in W&B is said once and never stops training.
"""

from __future__ import annotations

import netrc
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from metrics.hub import MetricSink, RunInfo, metric_sink
from metrics.registry import STEP
from utils.logger import get_logger
from utils.paths import CACHE, shown

log = get_logger(__name__)
CONNECT_TIMEOUT_S = 3.0
DEFAULT_HOST = "https://api.wandb.ai"


class NoSink:
    """W&B switched off or not usable."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class WandbSink:
    """One W&B run."""

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
        )
        self._run: Any = wandb.init(
            project=run.wandb.project,
            group=run.wandb.group or None,
            name=run.folder.name,
            config=run.config,
            dir=str(run.folder),
            settings=settings,
        )
        self._run.define_metric(STEP)
        self._run.define_metric("*", step_metric=STEP)
        self._folder = Path(self._run.settings.sync_dir)
        self._offline = mode == "offline"

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One call per rollout."""
        if self._run is None:
            return
        try:
            self._run.log({STEP: step, **values})
        except (self._wandb.Error, OSError) as why:
            _warn(why)
            self._run = None

    def close(self) -> None:
        """Finish the run; say how an offline one gets to the server."""
        if self._run is None:
            return
        try:
            self._run.finish()
        except (self._wandb.Error, OSError) as why:
            _warn(why)
            return
        if self._offline:
            log.info("W&B offline; to upload: wandb sync %s", shown(self._folder))


@metric_sink("wandb")
def open_wandb(run: RunInfo) -> MetricSink:
    """The sink for the configured mode; falls back to offline, then to nothing, with a sentence each."""
    mode = usable_mode(run.wandb.mode)
    if mode == "disabled":
        return NoSink()
    for folder in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        os.environ.setdefault(folder, str(CACHE / "wandb"))
    try:
        import wandb
    except ImportError as why:
        _warn(why)
        return NoSink()
    try:
        return WandbSink(run, wandb, mode)
    except (wandb.Error, OSError) as why:
        _warn(why)
        return NoSink()


def usable_mode(wanted: str) -> str:
    """`wanted`, or offline where online has no key or no connection."""
    if wanted != "online":
        return wanted
    host = urlsplit(os.environ.get("WANDB_BASE_URL", DEFAULT_HOST))
    name = host.hostname or ""
    if not _has_key(name):
        log.warning("W&B: no key (WANDB_API_KEY or `wandb login`), so this run is recorded offline")
        return "offline"
    try:
        socket.create_connection(
            (name, host.port or (443 if host.scheme == "https" else 80)), CONNECT_TIMEOUT_S
        ).close()
    except OSError as why:
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


def _warn(why: Exception) -> None:
    log.warning("W&B is not usable and is left out of this run: %s", why)
