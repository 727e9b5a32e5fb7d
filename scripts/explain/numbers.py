"""An explanation as numbers by the names of metrics/registry.py."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from metrics import registry as names
from metrics.explanation import Explanation, State
from metrics.reading import faithfulness


def explanation_numbers(told: Explanation, before: Explanation | None) -> dict[str, float]:
    """Of one check; before: the one before, if there is one. What is not known is left out."""
    states = [use.state for use in told.features]
    drifts = [use.drift for use in told.features if math.isfinite(use.drift)]
    found = {
        names.EXPLAINED_STEP.name: float(told.step),
        names.DEAD_FEATURES.name: float(states.count(State.DEAD)),
        names.QUIET_FEATURES.name: float(states.count(State.QUIET)),
        names.REDUNDANT_PAIRS.name: float(len(told.redundant)),
        names.DRIFT.name: max(drifts, default=math.nan),
        names.EXPLAIN_DELTA.name: told.delta,
        names.AGREEMENT.name: told.agreement,
        names.RANDOMISED.name: told.randomised,
        names.FAITHFULNESS.name: faithfulness(told.curve) if told.curve else math.nan,
        names.EXPLAIN_S.name: told.cost.seconds,
        names.EXPLAIN_CPU_S.name: told.cost.cpu_s,
        names.EXPLAIN_MB.name: told.cost.memory_mb,
        **_shares(told),
        **dict(_attention(told, before)),
    }
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _shares(told: Explanation) -> dict[str, float]:
    """By family and branch."""
    sums: dict[str, float] = defaultdict(float)
    for use in told.features:
        sums[names.FAMILY_SHARE.of(use.family)] += use.action
        sums[names.BRANCH_SHARE.of(use.branch)] += use.action
        sums[names.VALUE_SHARE.of(use.branch)] += use.value
    return sums


def _attention(told: Explanation, before: Explanation | None) -> Iterator[tuple[str, float]]:
    """By branch and head; rows back mean nothing among the tokens of the fusion."""
    for branch, seen in told.attention.items():
        rows = len(seen.weights[0])
        for head, (entropy, lag) in enumerate(zip(seen.entropy, seen.lag, strict=True)):
            yield names.ATTENTION_ENTROPY.of(f"{branch}_{head}"), entropy
            if branch in told.lags:
                yield names.ATTENTION_LAG.of(f"{branch}_{head}"), lag
        then = before.attention.get(branch) if before is not None else None
        if then is not None and [len(row) for row in then.weights] == [rows] * len(seen.weights):
            moved = np.abs(np.array(seen.weights) - np.array(then.weights)).sum(axis=1) / 2
            yield names.ATTENTION_SHIFT.of(branch), float(moved.mean())
