"""What the curriculum deals, and how hard it is."""

from __future__ import annotations

import numpy as np

from metrics import registry as names
from metrics.collecting import collector
from metrics.registry import Group
from metrics.rollout import Rollout


@collector(Group.CURRICULUM)
def curriculum(rollout: Rollout) -> dict[str, float]:
    """The running stage; what the episodes that ended were about."""
    told = rollout.curriculum
    values = {
        names.STAGE.name: float(told["stage"]),
        names.STAGE_PROGRESS.name: told["progress"],
        names.STAGE_RETURN.name: told["mean_log_return"],
        names.UNIFORM_SHARE.name: told["uniform_share"],
        names.STAGE_DAYS.name: float(told["days"]),
        names.DAYS_LEFT.name: float(told["days_left"]),
        names.POINTS_USED.name: float(told["reset_points"] - told["points_left"]),
        names.POINTS_LEFT.name: float(told["points_left"]),
        names.LOSING_DAYS.name: told["losing_share"],
    }
    episodes = rollout.episodes
    for metric, told_of in ((names.QUALITY, episodes["quality"]), (names.DIFFICULTY, episodes["difficulty"])):
        known = told_of[~np.isnan(told_of)]
        values |= {metric.name: float(known.mean())} if len(known) else {}
    return values
