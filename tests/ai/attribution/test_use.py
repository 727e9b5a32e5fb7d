from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from ai.attribution.use import Evidence, advice, constant, quiet, states, typical
from metrics.explanation import Explanation, FeatureUse, Redundant, State

NAMES = ["loud", "usual", "typical", "silent", "still", "never", "equity"]
BRANCHES = ["hf", "hf", "mf", "mf", "static", "static", "portfolio"]


def evidence(**changes: Any) -> Evidence:
    """silent: ignored though it moves; still: constant; never: at its baseline in all decisions; equity: likewise."""
    share = np.array([0.6, 0.2, 0.2, 1e-4, 0.05, 0.0, 0.0])
    made: dict[str, Any] = {
        "branches": BRANCHES,
        "action": share,
        "value": share,
        "ablation": share,
        "spread": np.array([1, 1, 1, 1, 0, 1, 0.0]),
        "moved": np.array([True, True, True, True, False, False, False]),
        "exercised": np.array([True, True, True, True, True, False, False]),
    }
    return Evidence(**{**made, **changes})


def check(quiet_names: set[str]) -> Explanation:
    """An earlier check, of which states are all that is asked."""
    uses = [
        FeatureUse(n, b, "", 0, 0, 0, 0, 0, 0, State.QUIET if n in quiet_names else State.USED, "")
        for n, b in zip(NAMES, BRANCHES, strict=True)
    ]
    rest: dict[str, Any] = dict.fromkeys(Explanation.__dataclass_fields__)
    return Explanation(**cast("dict[str, Any]", rest | {"features": uses}))


def names_of(mask: np.ndarray) -> list[str]:
    return [name for name, is_so in zip(NAMES, mask, strict=True) if is_so]


def test_quiet_is_what_never_varies_or_is_ignored() -> None:
    assert names_of(constant(evidence())) == ["still"]
    assert names_of(quiet(evidence(), 0.01)) == ["silent", "still"]


@pytest.mark.parametrize("heard_by", ["action", "value", "ablation"])
def test_what_one_of_the_three_notices_is_not_ignored(heard_by: str) -> None:
    share = evidence().action.copy()
    share[3] = 0.05
    assert names_of(quiet(evidence(**{heard_by: share}), 0.01)) == ["still"]


def test_a_rare_mask_that_moved_in_the_decisions_is_not_constant() -> None:
    assert names_of(constant(evidence(moved=np.ones(7, np.bool_)))) == []


def test_an_account_column_is_dead_only_if_it_varied_and_was_ignored() -> None:
    varied = evidence(moved=np.ones(7, np.bool_), exercised=np.ones(7, np.bool_), spread=np.ones(7))
    assert names_of(quiet(varied, 0.01)) == ["silent", "never", "equity"]


def test_the_typical_share_is_no_dead_ones() -> None:
    assert typical(np.array([0.0] * 6 + [0.2, 0.3, 0.5])) == pytest.approx(0.3)
    assert typical(np.zeros(3)) == 0


def test_dead_is_what_was_quiet_in_so_many_checks_running() -> None:
    now = np.array([name in {"silent", "still"} for name in NAMES])
    both, one, none = check({"silent", "still"}), check({"still"}), check(set())

    def dead(earlier: list[Explanation], checks: int = 3) -> list[str]:
        found = states(NAMES, now, earlier, checks)
        assert all(state == State.USED for state, is_quiet in zip(found, now, strict=True) if not is_quiet)
        return [name for name, state in zip(NAMES, found, strict=True) if state == State.DEAD]

    assert dead([]) == []
    assert dead([both]) == []
    assert dead([both, both]) == ["silent", "still"]
    assert dead([both, one]) == ["still"]
    assert dead([none, both, both]) == ["silent", "still"]
    assert dead([both, both, none]) == []
    assert dead([], checks=1) == ["silent", "still"]


def test_advice_says_the_most_pressing_thing() -> None:
    found = evidence()
    told = [State.USED, State.USED, State.USED, State.DEAD, State.DEAD, State.USED, State.USED]
    pairs = [Redundant("loud", "usual", 0.98)]
    drift = np.array([0.1, 0.1, 0.9, 0.9, 0.1, 0.1, np.nan])
    said = dict(zip(NAMES, advice(NAMES, found, told, pairs, drift), strict=True))
    assert said["loud"] == ""
    assert "loud" in said["usual"]
    assert "0.90" in said["typical"]
    everywhere = advice(NAMES, found, told, pairs, np.array([0.5, 0.5, 0.9, 0.5, 0.5, 0.5, np.nan]))
    assert everywhere[2] == "", "moved no more than the others"
    assert "ignores" in said["silent"]
    assert "feature.exclude" in said["still"]
    assert "baseline" in said["never"]
    assert "baseline" in said["equity"]
