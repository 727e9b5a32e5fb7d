from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.explaining import Decisions
from ai.attribution import Effort, Subject, explain
from ai.feature_store import TensorStore
from ai.policy import MarketPolicy
from feature.portfolio import PORTFOLIO
from metrics.explanation import Cost, Explanation, State
from tests.support.toy_agent import SCHEMA
from utils.errors import ModelError

EFFORT = Effort(steps=16, batch=64, shap=0, dead_share=0.01, dead_checks=2, redundant=0.97)


def explained(
    policy: MarketPolicy, store: TensorStore, decisions: Decisions, **changes: Any
) -> tuple[Explanation, list[str]]:
    said: list[str] = []
    seen = np.random.default_rng(0).integers(0, [2, 57_600], (200, 2))
    arguments: dict[str, Any] = {
        "seed": 0,
        "step": 5,
        "model": "v1",
        "earlier": [],
        "cost": lambda: Cost(1.0, 1.0, 1.0, 1.0),
        "tell": said.append,
        "names": SCHEMA.names,
        "effort": EFFORT,
    } | changes
    subject = Subject(policy, store, arguments.pop("names"), {"hf_0": "returns"}, None, seen)
    return explain(subject, decisions, arguments.pop("effort"), **arguments), said


@pytest.fixture(scope="module")
def told(policy: MarketPolicy, store: TensorStore, decisions: Decisions) -> Explanation:
    found, said = explained(policy, store, decisions)
    assert said
    return found


def test_everything_is_told(told: Explanation, decisions: Decisions, store: TensorStore) -> None:
    assert told.strata == Counter(map(str, decisions.strata))
    assert [use.name for use in told.features[-len(PORTFOLIO) :]] == [column.name for column in PORTFOLIO]
    assert told.features[0].family == "returns"
    for name in ("action", "value", "ablation"):
        assert sum(getattr(use, name) for use in told.features) == pytest.approx(1)
    assert np.isnan([use.shap for use in told.features]).all()
    assert told.delta <= 0.01
    assert all(use.state == State.USED for use in told.features)
    assert all(use.drift < 0.5 for use in told.features if use.branch in {"hf", "mf", "static"})
    np.testing.assert_allclose(np.sum(told.by_scale, axis=1), [use.action for use in told.features])
    assert abs(told.randomised) < 0.4
    for row, one in enumerate(told.decisions):
        day = int(decisions.index[row, 0])
        assert f"{one.symbol} {one.date}" == store.names[day]
        assert (one.second, one.lane) == (decisions.index[row, 1], row)
        assert 0 < sum(abs(cause.share) for cause in one.causes) <= 1.000001
        assert sum(map(sum, one.lags.values())) < 1


def test_it_is_kept_and_read_again(told: Explanation, tmp_path: Path) -> None:
    assert _text(Explanation.read(told.write(tmp_path))) == _text(told)


def test_the_same_seed_says_the_same(
    policy: MarketPolicy, store: TensorStore, decisions: Decisions, told: Explanation
) -> None:
    np.random.default_rng().random()
    assert _text(explained(policy, store, decisions)[0]) == _text(told)


def test_shap_is_asked_of_some(policy: MarketPolicy, store: TensorStore, decisions: Decisions) -> None:
    found, _ = explained(policy, store, decisions, effort=EFFORT._replace(shap=3))
    assert sum(use.shap for use in found.features) == pytest.approx(1)
    assert found.agreement > 0.5


def test_it_refuses_what_does_not_fit(policy: MarketPolicy, store: TensorStore, decisions: Decisions) -> None:
    with pytest.raises(ModelError, match="no decisions"):
        explained(policy, store, decisions.at(np.array([], np.int64)))
    with pytest.raises(ModelError, match="names of features"):
        explained(policy, store, decisions, names={**SCHEMA.names, "hf": ("one",)})


def _text(told: Explanation) -> str:
    return json.dumps(asdict(told))
