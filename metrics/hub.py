"""The hub: one call per rollout, every sink gets the same numbers."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from config.schema import MetricsConfig, PlainConfig, WandbConfig
from metrics.registry import checked
from utils.errors import ConfigError, nearest
from utils.logger import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What a sink may want to know about the run."""

    name: str
    folder: Path
    log_every_s: float
    wandb: WandbConfig
    config: PlainConfig
    resumed_at: int | None = None
    """Environment steps at which an interrupted run goes on: what was written of later ones is done again."""


class MetricSink(Protocol):
    """Somewhere that numbers go to."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values of one rollout; `step` counts environment steps."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


_SINKS: dict[str, Callable[[RunInfo], MetricSink]] = {}


def metric_sink(name: str) -> Callable[[Callable[[RunInfo], MetricSink]], Callable[[RunInfo], MetricSink]]:
    """Register the decorated class or function (RunInfo -> MetricSink) under `name`."""

    def register(make: Callable[[RunInfo], MetricSink]) -> Callable[[RunInfo], MetricSink]:
        _SINKS[name] = make
        return make

    return register


def sinks() -> dict[str, Callable[[RunInfo], MetricSink]]:
    """All sinks by name: those of `metrics/sinks` and those that other code has registered."""
    package = importlib.import_module("metrics.sinks")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"metrics.sinks.{module.name}")
    return dict(sorted(_SINKS.items()))


class MetricsHub:
    """Checks the names and hands the numbers to every sink; a context manager that closes them."""

    def __init__(self, receivers: Sequence[MetricSink]) -> None:
        self._receivers = list(receivers)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record one rollout's numbers. Raises ConfigError for a name that is not declared."""
        numbers = checked(values)
        for receiver in self._receivers:
            receiver.write(step, numbers)

    def close(self) -> None:
        """Close every sink, once."""
        while self._receivers:
            self._receivers.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_hub(config: MetricsConfig, run: RunInfo) -> MetricsHub:
    """A hub with the sinks that the configuration names. Raises ConfigError with the nearest for an unknown one."""
    known = sinks()
    for name in config.sinks:
        if name not in known:
            raise ConfigError(
                f"no metric sink is called {name!r}",
                where="metrics.sinks of the configuration",
                near=nearest(name, known),
                fix=f"use some of: {', '.join(known)}",
            )
    return MetricsHub([known[name](run) for name in config.sinks])
