"""Declared components and their configuration become what the kernel reads; what could be gamed is refused here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from config.schema import RewardComponentConfig
from rewards.kernels import TERM
from rewards.registry import Effect, RewardComponent, Safety
from simulators.models import NO_FIELDS
from utils.errors import ConfigError
from utils.registry import parameters


def bound_terms(
    declared: Sequence[RewardComponent], given: Sequence[RewardComponentConfig]
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.float64]]:
    """TERM records [K] at weight 0, and the parameters that they point into: keep both. Raises ConfigError."""
    values: list[list[float]] = []
    for component, config in zip(declared, given, strict=True):
        where = f"reward.components.{component.name}"
        require_guarded(component, config, where)
        found = parameters(f"reward component {component.name!r}", component.params, config.params, f"{where}.params")
        values.append(found or [0.0] * len(NO_FIELDS))
    params = np.array([value for row in values for value in row])
    starts = np.cumsum([0, *(len(row) for row in values)])
    memory = np.cumsum([0, *(len(c.memory) for c in declared)])
    terms = np.zeros(len(declared), TERM)
    for k, (component, config) in enumerate(zip(declared, given, strict=True)):
        term = terms[k]
        term["function"] = component.function.address
        term["params"] = params.ctypes.data + params.itemsize * starts[k]
        term["memory"], term["on_fills"] = memory[k], component.on_fills
        term["safety"], term["effect"] = component.safety, component.effect
        term["clip"], term["cap"] = config.clip or np.inf, config.cap or np.inf
        term["smoothing"] = config.smoothing
    return terms, params


def require_guarded(component: RewardComponent, config: RewardComponentConfig, where: str) -> None:
    """Raise ConfigError for settings that make a component farmable, or break what its safety class promises."""

    def refuse(what: str, fix: str) -> None:
        raise ConfigError(f"reward component {component.name!r} {what}", where=where, fix=fix)

    if config.weight < 0.0:
        refuse(f"has the weight {config.weight:g}", "give a weight >= 0: penalties are negative by themselves")
    if not 0.0 <= config.smoothing < 1.0:
        refuse(f"has the smoothing {config.smoothing:g}", "give a weight of the past in [0, 1)")
    if min(config.clip, config.cap, config.until, config.halflife) < 0.0:
        refuse("has a negative clip, cap, until or halflife", "0 switches each of them off")
    if component.effect in (Effect.PENALTY, Effect.BONUS) and not (config.clip and config.cap):
        refuse("is shaping without a limit", "give clip (per step) and cap (per episode), in its units")
    if component.effect == Effect.REBATE and not 0.0 < config.until < 1.0:
        refuse("never fades: the trained policy would not know the cost", "until=0.5, or another share below 1")
    if component.safety == Safety.TELESCOPING and (config.clip or config.cap):
        refuse("telescopes; a limit would break the sum", "clip=0 and cap=0")
    if component.safety == Safety.POTENTIAL and (config.cap or config.smoothing):
        refuse("is a potential; a cap or smoothing would break its sum", "cap=0 and smoothing=0 (clip bounds Phi)")
