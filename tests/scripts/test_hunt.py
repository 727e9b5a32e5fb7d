from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest

from rewards.account import of_equity_nb
from rewards.registry import COMPONENTS, Effect, Safety, reward_component
from scripts.audit_rewards.adversaries import ADVERSARIES
from scripts.audit_rewards.hunt import hunt, only
from tests.support.configs import load_config
from tests.support.made_day import random_day

LANES = 4


@pytest.fixture
def refund() -> Iterator[str]:
    """A second component that hands costs back; forgotten afterwards."""
    with COMPONENTS.temporary():

        @reward_component(
            name="refund", formula="fees / E_before", units="1", safety=Safety.SHAPING, effect=Effect.REBATE
        )
        def refund(step, params, memory):
            return of_equity_nb(step, step["fees"])

        yield "refund"


def test_whatever_hands_costs_back_is_taken_for_that(refund: str) -> None:
    config = load_config("quick", ["env.decision_interval_s=10"])
    plain = only(config.reward, "log_equity")
    given = copy.deepcopy(config.reward.components["cost_rebate"])
    sets = {
        "plain": plain,
        "cost_rebate": only(config.reward, "log_equity", "cost_rebate"),
        refund: replace(plain, components={**plain.components, refund: given}),
    }
    found = {
        (one.reward_name, one.phase): one.pnl
        for one in hunt(ADVERSARIES.get("churner"), [random_day(1)], config, sets, LANES)
    }
    assert (found["plain", "start"] == found["plain", "end"]).all()
    for name in ("cost_rebate", refund):
        assert (found[name, "start"] > found["plain", "start"]).all()  # P&L before costs
        assert (found[name, "end"] == found["plain", "end"]).all()  # nothing is handed back any more
