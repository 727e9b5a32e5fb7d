"""Actions are numbers, and back."""

from __future__ import annotations

import pytest

from envs.actions import decode, encode
from simulators.layout import ACTIONS, ActionType, PositionSize


def test_every_action_there_and_back() -> None:
    assert [encode(*decode(a)) for a in range(ACTIONS)] == list(range(ACTIONS))
    assert decode(4) == (ActionType.BUY, PositionSize.PCT_25)
    assert decode(11) == (ActionType.SELL, PositionSize.PCT_100)
    assert [decode(a).text for a in (0, 3, 5, 11)] == ["HOLD", "HOLD", "BUY 50 %", "SELL 100 %"]


@pytest.mark.parametrize("action", [-1, 12])
def test_other_numbers_are_refused(action: int) -> None:
    with pytest.raises(ValueError, match="not in"):
        decode(action)
