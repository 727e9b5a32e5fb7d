"""Reward components: one declaration and one short function each, found by looking through `rewards/components`.

    @reward_component(
        name="invalid_action",
        formula="-1 per action that was not possible",
        units="count",
        safety=Safety.SHAPING,
        effect=Effect.PENALTY,
    )
    def invalid_action(step, params, memory):
        return -float(step["invalid"])

The function sees one lane's STEP record, its parameters and its memory by name, and is compiled to a C function that
the composite calls for every lane: a new component is never an edit of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from simulators.layout import STEP
from simulators.models import record_layout
from utils.errors import ConfigError
from utils.jit import c_function, record_type, types
from utils.registry import Registry


class Safety(IntEnum):
    """What a component can do to the optimal policy."""

    TELESCOPING = 0  # sums to a function of the account, so it cannot be farmed
    POTENTIAL = 1  # the function gives Phi(s'); paid is gamma * Phi(s') - Phi(s), which leaves the optimum alone
    SHAPING = 2  # changes what is optimal: guarded, and to be kept small


class Effect(IntEnum):
    """What a shaping component does; the composite holds it to that."""

    NONE = 0  # of the other safety classes
    PENALTY = 1  # never positive; an episode that the agent ends is charged up to the cap
    BONUS = 2  # never negative; paid within a share of the episode's net gain, and taken back with it
    REBATE = 3  # hands back part of a cost that the base charges; has to fade out


@dataclass(frozen=True, kw_only=True)
class RewardComponent:
    """A reward component as declared."""

    name: str
    formula: str
    units: str
    safety: Safety
    effect: Effect
    params: tuple[str, ...]
    """Names of the parameters it takes, in order; the configuration must give exactly these."""
    memory: tuple[str, ...]
    """Numbers it keeps for each lane, 0 at the start of every episode."""
    on_fills: bool
    """Whether it is asked only in steps that trade or end the episode; in all others it is 0."""
    function: Any
    """Compiled; `address` is what kernels call, `__wrapped__` the plain function."""

    @property
    def kind(self) -> str:
        """E.g. "potential", "shaping penalty"."""
        effect = "" if self.effect == Effect.NONE else f" {self.effect.name.lower()}"
        return self.safety.name.lower() + effect


COMPONENTS: Registry[RewardComponent] = Registry(
    "reward component", "rewards.components", "reward.components of the configuration"
)


def reward_component(
    *,
    name: str,
    formula: str,
    units: str,
    safety: Safety,
    effect: Effect = Effect.NONE,
    params: tuple[str, ...] = (),
    memory: tuple[str, ...] = (),
    on_fills: bool = False,
) -> Callable[[Any], Any]:
    """Register `function(step, params, memory) -> float` under `name`; a name can be taken once.

    Raises ConfigError unless shaping components, and only they, say what their effect is.
    """
    if (safety == Safety.SHAPING) != (effect != Effect.NONE):
        raise ConfigError(
            f"reward component {name!r} is {safety.name.lower()} with effect {effect.name.lower()}",
            where="its declaration",
            fix="shaping components are a penalty, a bonus or a rebate; the others have no effect",
        )

    def register(function: Any) -> Any:
        records = (record_type(STEP), record_type(record_layout(params)), record_type(record_layout(memory)))
        declared = RewardComponent(
            name=name,
            formula=formula,
            units=units,
            safety=safety,
            effect=effect,
            params=params,
            memory=memory,
            on_fills=on_fills,
            function=c_function(types.float64(*records))(function),
        )
        COMPONENTS.add(name, declared, function.__module__)
        return declared.function

    return register
