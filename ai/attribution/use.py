"""What becomes of a feature: used, quiet for now, or dead; and what to do about it.

Dead is what was quiet in several checks running. Quiet is a feature that does not vary, neither on sampled rows of the
training days nor in the decisions, or one that neither integrated gradients (of action and of value) nor grouped
ablation notice: all of them below a share of the typical feature.

Silence is no evidence: a feature that stood at its baseline in every decision that was explained (a halt that did not
happen, an account that never lost) had nothing to say, and counts as used until it has. Columns of the account can't be
constant on training days, as they are none of the market's: only what was seen to vary and to be ignored is dead there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ai.attribution.case import PORTFOLIO
from ai.attribution.shares import Doubles
from metrics.explanation import Explanation, Redundant, State

STILL = 1e-4
"""Standard deviation, in fitted scales, that is none; a mask that is on once in 10,000 rows has a hundred times it."""
NOISE = 1e-6
"""Of the largest share: below it a share is arithmetic noise and no part of what is typical."""
MOVED = 0.25
"""Population stability index from which two populations are not the same; a rule of thumb of credit scoring."""
UNUSUAL = 4.0
"""Times the typical feature's index: lanes start where something happens, which moves most features a little."""


class Evidence(NamedTuple):
    """What a check found of F features; shares are of sums over them."""

    branches: Sequence[str]
    action: Doubles
    value: Doubles
    ablation: Doubles
    spread: Doubles
    """Standard deviation on the training days; of the account's columns over the decisions."""
    moved: npt.NDArray[np.bool_]
    """[F]: not the same in all rows of all decisions."""
    exercised: npt.NDArray[np.bool_]
    """[F]: away from its baseline in some decision."""


def constant(found: Evidence) -> npt.NDArray[np.bool_]:
    """[F]: features of the market that never vary."""
    account = np.array([branch == PORTFOLIO for branch in found.branches])
    return ~account & (found.spread < STILL) & ~found.moved


def quiet(found: Evidence, dead_share: float) -> npt.NDArray[np.bool_]:
    """[F]: features that carry nothing, or that the network ignores (less than `dead_share` of the typical one)."""
    ignored = found.exercised & found.moved
    for share in (found.action, found.value, found.ablation):
        ignored &= share <= dead_share * typical(share)
    return constant(found) | ignored


def typical(share: Doubles) -> float:
    """The median of those that are more than noise: with half of the features dead, the median of all would be 0."""
    loud = share[share > NOISE * share.max()] if share.max() > 0 else share
    return float(np.median(loud))


def states(
    names: Sequence[str], is_quiet: npt.NDArray[np.bool_], earlier: Sequence[Explanation], checks: int
) -> list[State]:
    """Dead is what is quiet now and was in the `checks` - 1 checks before, the latest last in `earlier`."""
    before = earlier[len(earlier) - (checks - 1) :] if checks > 1 else []
    silent = [{use.name for use in check.features if use.state != State.USED} for check in before]
    enough = len(earlier) >= checks - 1
    return [
        (State.DEAD if enough and all(name in names_of for names_of in silent) else State.QUIET) if now else State.USED
        for name, now in zip(names, is_quiet.tolist(), strict=True)
    ]


def advice(
    names: Sequence[str], found: Evidence, told: Sequence[State], pairs: Sequence[Redundant], drift: Doubles
) -> list[str]:
    """What to do about each feature; empty if nothing."""
    strength = dict(zip(names, found.action.tolist(), strict=True))
    twins: dict[str, Redundant] = {}
    for pair in pairs:
        weaker = min(pair.first, pair.second, key=lambda name: strength[name])
        twins.setdefault(weaker, pair)
    still, known = constant(found), drift[np.isfinite(drift)]
    usual = float(np.median(known)) if len(known) else 0.0
    return [
        _advice(at, name, found, told[at], bool(still[at]), twins.get(name), float(drift[at]), usual)
        for at, name in enumerate(names)
    ]


def _advice(
    at: int, name: str, found: Evidence, state: State, still: bool, twin: Redundant | None, moved: float, usual: float
) -> str:
    """Of one feature: the most pressing thing only."""
    account = found.branches[at] == PORTFOLIO
    if still:
        return "never varies: leave it out (feature.exclude), or mend what it is computed from"
    if state == State.DEAD:
        what = "nothing to leave out, it is the account's own" if account else "leave it out (feature.exclude)"
        return f"varies, and the network ignores it: {what}"
    if not found.exercised[at]:
        return "at its baseline in every decision that was explained: nothing is known of its use"
    if twin is not None:
        other = twin.second if twin.first == name else twin.first
        return f"says what {other} says (correlation {twin.correlation:.2f}) and matters less: one of them is enough"
    if moved > max(MOVED, UNUSUAL * usual):
        told_apart = f"stability index {moved:.2f}, of the typical feature {usual:.2f}"
        return f"the lanes see other values than the training days hold ({told_apart})"
    return ""
