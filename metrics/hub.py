"""The hub: collectors make numbers of a rollout, sinks get them; one call per rollout."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from config.schema import MetricsConfig
from metrics import registry as names
from metrics.collecting import Collector, chosen
from metrics.publisher import Delivery, MetricSink, Note, Publisher
from metrics.registry import checked
from metrics.rollout import Rollout
from metrics.run_info import RunInfo
from utils.registry import Registry

SinkMaker = Callable[[RunInfo], MetricSink]
SINKS: Registry[SinkMaker] = Registry("metric sink", "metrics.sinks", "metrics.sinks of the configuration")


def metric_sink(name: str) -> Callable[[SinkMaker], SinkMaker]:
    """Register the decorated class or function (RunInfo -> MetricSink) under `name`."""

    def register(make: SinkMaker) -> SinkMaker:
        SINKS.add(name, make, make.__module__)
        return make

    return register


class MetricsHub:
    """Collects, checks the names and hands the numbers to every sink; a context manager that closes them."""

    def __init__(self, collectors: Sequence[Collector], publishers: Sequence[Publisher], close_s: float) -> None:
        """close_s: how long a sink may take to end."""
        self._collectors, self._publishers, self._close_s = list(collectors), list(publishers), close_s

    @property
    def idle(self) -> bool:
        """Whether nobody wants to see rollouts."""
        return not self._collectors and not self._publishers

    def collect(self, rollout: Rollout) -> dict[str, float]:
        """What the collectors make of it, and what the sinks have missed so far."""
        values = {names.DROPPED.name: float(self.dropped)}
        for collect in self._collectors:
            values |= collect(rollout)
        return values

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Publish one rollout's numbers. Raises ConfigError for a name that is not declared."""
        self._send("write", step, checked(values))

    def rows(self, step: int, tables: Mapping[str, npt.NDArray[np.void]]) -> None:
        """Publish what happened in a rollout, by table of metrics/layout.py; empty tables are left out."""
        filled = {name: rows.copy() for name, rows in tables.items() if len(rows)}
        if filled:
            self._send("rows", step, filled)

    def note(self, step: int, kind: str, text: str, data: Mapping[str, Any] | None = None) -> None:
        """Publish something that happened once."""
        self._send("note", Note(time.time(), step, kind, text, data or {}))

    @property
    def dropped(self) -> int:
        """Messages that a sink did not get, so far."""
        return sum(publisher.dropped for publisher in self._publishers)

    def flush(self, timeout_s: float) -> bool:
        """Wait until every sink has taken what it was sent; False if one takes longer."""
        return all(publisher.flush(timeout_s) for publisher in self._publishers)

    def close(self) -> None:
        """Close every sink, once."""
        publishers, self._publishers = self._publishers, []
        for publisher in publishers:
            publisher.end()
        until = time.monotonic() + self._close_s
        for publisher in publishers:
            publisher.join(max(0.0, until - time.monotonic()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, method: str, *arguments: Any) -> None:
        for publisher in self._publishers:
            publisher.send(Delivery(method, arguments))


def open_hub(config: MetricsConfig, run: RunInfo) -> MetricsHub:
    """A hub with the collectors and sinks that the configuration names.

    Raises ConfigError with the nearest for an unknown one.
    """
    collectors = chosen(config.collectors)
    makers = {name: SINKS.get(name) for name in config.sinks}
    publishers = [Publisher(name, lambda make=make: make(run), config.queue) for name, make in makers.items()]
    return MetricsHub(collectors, publishers, config.close_s)


__all__ = ["MetricSink", "MetricsHub", "RunInfo", "metric_sink", "open_hub"]
