"""Two ways of taking a policy through the episodes of an environment's lanes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from agent.ledger import Ledger
from agent.policy import HOLD, Judgement, Judging, Policy
from agent.tables import FIRST_ORDER
from envs.vector_environment import Observations, VectorTradingEnvironment
from simulators.layout import SIZES, ActionType

STEPS_AT_ONCE = 60
"""Of lanes side by side, between two looks at the clock."""
LEAST_AHEAD, MOST_AHEAD = 8, 512
"""Decisions of a lane."""
ROWS_AT_ONCE = 4_096
"""Observations that a policy is asked about in one call: a hundred cost hardly more than one."""

Ints = npt.NDArray[np.int64]


class SideBySide:
    """All lanes decide, all lanes step: for policies that remember what they did."""

    def __init__(self, env: VectorTradingEnvironment, policy: Policy, ledger: Ledger) -> None:
        self._env, self._policy, self._ledger = env, policy, ledger

    def go_on(self) -> bool:
        """Some more decisions of every lane; False once all episodes have ended."""
        env, left = self._env, 1
        for _ in range(STEPS_AT_ONCE):
            env.step(self._policy.act(env.index, env.portfolio, env.action_mask))
            left = self._ledger.record(env)
            if not left:
                break
        return left > 0


class RunAhead:
    """Asks the policy about many seconds of every lane at once, on the assumption that it holds; steps up to where it
    does not.

    What a lane observes while it holds does not depend on the policy, so nothing is guessed: what lies behind an
    order is thrown away and asked again. How far a lane looks ahead doubles while it holds. Where there is nothing to
    choose from (halts, orders under way), the policy is not asked.
    """

    def __init__(self, env: VectorTradingEnvironment, policy: Judging, ledger: Ledger) -> None:
        self._env, self._policy, self._ledger = env, policy, ledger
        self._ahead = np.full(env.count, LEAST_AHEAD)

    def go_on(self) -> bool:
        """Take every lane to its next order, or as far as it looks ahead; False once all episodes have ended."""
        ledger = self._ledger
        which = np.flatnonzero(ledger.alive)
        ahead = np.minimum(self._ahead[which], max(1, ROWS_AT_ONCE // len(which)))
        seen = self._env.foresee(which, ahead)
        judged = self._judge(seen)
        place = _places(seen.found)  # of each row on its lane
        order = np.where(judged.actions >= FIRST_ORDER, place, MOST_AHEAD)
        planned = np.minimum(np.minimum.reduceat(order, _starts(seen.found)) + 1, seen.found)
        before = ledger.decisions[which]
        taken = planned.copy()
        ledger.play(self._env, which, judged.actions[place < np.repeat(planned, seen.found)], taken)
        self._note(which, before, taken, seen.found, place, judged)
        self._ahead[which] = np.where(taken == ahead, 2 * ahead, np.maximum(2 * taken, LEAST_AHEAD)).clip(1, MOST_AHEAD)
        return bool(ledger.alive.any())

    def _judge(self, seen: Observations) -> Judgement:
        """Of all rows; where HOLD alone is possible it is sure, and expects nothing (NaN)."""
        rows = len(seen.at)
        asked = np.flatnonzero(seen.mask[:, FIRST_ORDER:].any(axis=1))
        actions, values = np.full(rows, HOLD, np.int64), np.full(rows, np.nan, np.float32)
        probabilities = np.zeros(seen.mask.shape, np.float32)
        probabilities[:, HOLD] = 1.0
        if len(asked):
            judged = self._policy.judge(seen.at[asked], seen.portfolio[asked], seen.mask[asked])
            actions[asked], probabilities[asked], values[asked] = judged
        return Judgement(actions, probabilities, values)

    def _note(self, which: Ints, before: Ints, taken: Ints, found: Ints, place: Ints, judged: Judgement) -> None:
        """Write the opinions behind the decisions that were `taken` into the trace."""
        trace = self._ledger.trace
        if trace is None:
            return
        kept = place < np.repeat(taken, found)
        rows, lanes = (np.repeat(before, found) + place)[kept], np.repeat(which, found)[kept]
        kinds = judged.probabilities[kept].reshape(-1, len(ActionType), SIZES).sum(axis=2)
        trace.probabilities[rows, lanes], trace.value[rows, lanes] = kinds, judged.values[kept]


def _starts(counts: Ints) -> Ints:
    """First row of each of groups of `counts` rows that stand in a row."""
    return np.cumsum(counts) - counts


def _places(counts: Ints) -> Ints:
    """Number of each row in its group, from 0."""
    return np.arange(counts.sum()) - np.repeat(_starts(counts), counts)
