"""Why a policy decides as it does: attribution to inputs, lags, dead features, and how far to believe it."""

from ai.attribution.case import Decisions, Target, flat_account
from ai.attribution.explain import Effort, Subject, explain
from ai.attribution.gradients import Attributions, attribute

__all__ = ["Attributions", "Decisions", "Effort", "Subject", "Target", "attribute", "explain", "flat_account"]
