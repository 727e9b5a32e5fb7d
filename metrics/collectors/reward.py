"""What the reward's components did."""

from __future__ import annotations

from metrics import registry as names
from metrics.collecting import collector
from metrics.registry import Group
from metrics.rollout import Rollout


@collector(Group.REWARD)
def reward(rollout: Rollout) -> dict[str, float]:
    """Components per step and per episode, their correlation with the log return, shares by safety class."""
    families = zip(
        (names.REWARD_PART, names.REWARD_EPISODE, names.REWARD_CORRELATION, names.REWARD_SHARE),
        rollout.reward,
        strict=True,
    )
    return {family.of(part): value for family, values in families for part, value in values.items()}
