from __future__ import annotations

import numpy as np

from agent.baselines.buy_and_hold import buy_and_hold
from tests.support.contests import contest


def test_it_is_one_round_trip_from_the_first_second_on() -> None:
    run = buy_and_hold(contest())
    assert (run.trips == 1).all()
    assert (run.held_s > 0.9 * run.seconds).all()
    assert run.trace is not None
    assert not np.isnan(run.trace.equity[0]).any()
    assert set(run.fills["by"].to_list()) == {"agent", "flatten"}
