"""Collectors: each turns a rollout into numbers. One file each in metrics/collectors, chosen in `metrics.collectors`.

    @collector("mine")
    def mine(rollout: Rollout) -> Mapping[str, float]:
        return {TALLY.name: float((rollout.steps["filled"] > 0).sum())}

It is a function of the rollout alone, keeps nothing and draws nothing: training is the same with any set of them, and
so are the numbers of a run that was interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from metrics.registry import Group, find
from metrics.rollout import Rollout
from utils.registry import Registry

Collector = Callable[[Rollout], Mapping[str, float]]

COLLECTORS: Registry[Collector] = Registry("metric collector", "metrics.collectors", "metrics.collectors")


def collector(name: str | Group) -> Callable[[Collector], Collector]:
    """Register the decorated function under `name`; a name can be taken once."""

    def register(collect: Collector) -> Collector:
        COLLECTORS.add(name.value if isinstance(name, Group) else name, collect, collect.__module__)
        return collect

    return register


def chosen(names: Sequence[str]) -> list[Collector]:
    """The collectors of those names. Raises ConfigError with the nearest for an unknown one."""
    return [COLLECTORS.get(name) for name in names]


def given_by(stats: Mapping[str, float], group: Group) -> dict[str, float]:
    """Those of the agent's own measurements that belong to the collector of `group`."""
    return {name: value for name, value in stats.items() if find(name).collector == group.value}
