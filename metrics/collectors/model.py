"""What the network looks like after the update."""

from __future__ import annotations

from metrics import registry as names
from metrics.collecting import collector
from metrics.registry import Group
from metrics.rollout import Rollout


@collector(Group.MODEL)
def model(rollout: Rollout) -> dict[str, float]:
    """Gates, norms of weights and gradients."""
    families = zip((names.GATE, names.WEIGHT_NORM, names.GRADIENT_PART), rollout.network(), strict=True)
    return {family.of(part): value for family, values in families for part, value in values.items()}
