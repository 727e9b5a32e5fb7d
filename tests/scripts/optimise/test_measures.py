"""A trial is judged by a lower bound over validation sessions and seeds, under the worst of its conditions."""

from __future__ import annotations

import numpy as np
import pytest

from agent.statistics.intervals import mean_interval
from agent.statistics.seeds import iqm_interval
from config.schema.optuna import ConstraintConfig, ObjectiveConfig
from scripts.optimise.measures import (
    Outcome,
    Scored,
    check_constraints,
    deflated,
    drawdown,
    lower_bound,
    mean,
    objective,
    outcome_of,
    plain_outcome,
    require_sessions,
    trips_per_session,
    violations,
)
from utils.errors import ConfigError
from utils.seeding import stream

RNG = stream(3, "measures")
PNL = RNG.normal(20.0, 100.0, (3, 12))


def outcome(*pnl: float, trips: int = 6, dear: float | None = None) -> Outcome:
    made = {"as configured": Scored(list(pnl), 1000.0, trips)}
    return made if dear is None else {**made, "dear": Scored([one - dear for one in pnl], 1000.0, trips)}


def config(**more: object) -> ObjectiveConfig:
    values: dict[str, object] = {"draws": 300, "second": "none", "constraints": [], "conditions": {"as configured": []}}
    return ObjectiveConfig(**{**values, **more})  # pyright: ignore[reportArgumentType]


def test_with_one_seed_it_is_the_bootstrap_over_sessions() -> None:
    assert lower_bound(PNL[:1], 300, 0) == mean_interval(PNL[0], 300, 0).low < PNL[0].mean()


def test_with_several_seeds_the_less_of_both_bounds_counts() -> None:
    both = mean_interval(PNL.mean(axis=0), 300, 0).low, iqm_interval(PNL, 300, 0).low
    assert lower_bound(PNL, 300, 0) == min(both)
    apart = PNL + np.array([[-500.0], [0.0], [500.0]])  # seeds that disagree
    assert lower_bound(apart, 300, 0) < lower_bound(PNL, 300, 0)


def test_a_steady_small_gain_is_worth_more_than_a_lucky_large_one() -> None:
    steady, lucky = outcome(9, 11, 10, 9, 11, 10), outcome(-60, 0, 300, -50, 0, -40)
    assert mean([lucky]) > mean([steady])
    assert objective([steady], config(), 0) > objective([lucky], config(), 0)


def test_the_worst_conditions_count() -> None:
    cheap, both = outcome(10, 12, 14, 11), outcome(10, 12, 14, 11, dear=5)
    assert objective([both], config(), 0) == pytest.approx(objective([cheap], config(), 0) - 5)
    assert mean([both]) == pytest.approx(mean([cheap]) - 5)


def test_a_policy_that_never_trades_is_worth_nothing_and_breaks_its_constraint() -> None:
    idle = outcome(0, 0, 0, 0, trips=0)
    limits = [ConstraintConfig("trips_per_session", 1.0, None), ConstraintConfig("drawdown", None, 0.5)]
    assert objective([idle], config(), 0) == 0.0
    broken = violations([idle], limits)
    assert broken == {"trips_per_session at least 1": 1.0, "drawdown at most 0.5": -0.5}


def test_figures_are_those_of_the_worst_seed() -> None:
    calm, wild = outcome(10, 10, 10, trips=3), outcome(100, -300, 100, trips=9)
    assert drawdown([calm]) == 0.0
    assert drawdown([calm, wild]) == pytest.approx(0.3)
    assert trips_per_session([calm, wild]) == 2.0


def test_an_outcome_survives_json() -> None:
    made = outcome(1.5, -2.0, 3.0, dear=1.0)
    assert outcome_of(plain_outcome(made)) == made


def test_more_tries_deflate() -> None:
    series = [PNL[0] + 40, *(RNG.normal(0.0, 100.0, 12) for _ in range(40))]
    few, many = deflated(series[:5], 0), deflated(series, 0)
    assert 0 <= many < few <= 1


def test_too_few_sessions_and_unknown_measures_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 validation sessions"):
        require_sessions(2)
    with pytest.raises(ConfigError) as refused:
        check_constraints([ConstraintConfig("drawdwn", None, 0.1)])
    assert refused.value.near == ("drawdown",)
