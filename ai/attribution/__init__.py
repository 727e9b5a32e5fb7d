"""Why a policy decides as it does: attribution to inputs, lags, dead features, and how far to believe it."""

from ai.attribution.case import Decisions, Target
from ai.attribution.explain import Effort, Subject, explain

__all__ = ["Decisions", "Effort", "Subject", "Target", "explain"]
