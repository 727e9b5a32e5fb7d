"""Losses, rates and time, as the agent measured them."""

from __future__ import annotations

from metrics.collecting import collector, given_by
from metrics.registry import Group
from metrics.rollout import Rollout


@collector(Group.TRAINING)
def training(rollout: Rollout) -> dict[str, float]:
    """What the update and the clock say."""
    return given_by(rollout.stats, Group.TRAINING)
