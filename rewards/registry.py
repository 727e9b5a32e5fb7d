"""Reward components: one declaration and one short kernel each, found by looking through `rewards/components`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from utils.errors import ConfigError, nearest

Kernel = Callable[..., None]
"""`kernel(steps: STEP[N], params: f64[k], memory: f64[N], out: f64[N]) -> None`

`memory` is the component's own, zero at the start of every episode; `out` is overwritten.
"""


class Safety(Enum):
    """What a component can do to the optimal policy."""

    TELESCOPING = "telescoping"  # sums to a function of the final state: cannot be farmed
    POTENTIAL = "potential"  # gamma * Phi(s') - Phi(s): leaves the optimal policy unchanged
    SHAPING = "shaping"  # changes what is optimal: keep it small


@dataclass(frozen=True, kw_only=True)
class RewardComponent:
    """A reward component as declared."""

    name: str
    formula: str
    units: str
    safety: Safety
    params: tuple[str, ...]
    """Names of the parameters the kernel takes, in order; the configuration must give exactly these."""
    kernel: Kernel


_COMPONENTS: dict[str, RewardComponent] = {}


def reward_component(
    *, name: str, formula: str, units: str, safety: Safety, params: tuple[str, ...] = ()
) -> Callable[[Any], Any]:
    """Register the decorated kernel under `name`; a name can be taken once."""

    def register(kernel: Any) -> Any:
        known = _COMPONENTS.get(name)
        if known is not None and known.kernel.__module__ != kernel.__module__:
            raise ConfigError(
                f"reward component {name!r} is declared twice",
                where=f"{known.kernel.__module__} and {kernel.__module__}",
                fix="rename one of them",
            )
        _COMPONENTS[name] = RewardComponent(
            name=name, formula=formula, units=units, safety=safety, params=params, kernel=kernel
        )
        return kernel

    return register


def components() -> dict[str, RewardComponent]:
    """All components by name: those of `rewards/components` and those that other code has registered."""
    package = importlib.import_module("rewards.components")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"rewards.components.{module.name}")
    return dict(sorted(_COMPONENTS.items()))


def component(name: str) -> RewardComponent:
    """The component of that name. Raises ConfigError with the nearest names."""
    known = components()
    if name not in known:
        raise ConfigError(
            f"no reward component is called {name!r}",
            where="reward.components of the configuration",
            near=nearest(name, known),
            fix=f"use one of: {', '.join(known)}",
        )
    return known[name]


def reward_table() -> str:
    """The components as a markdown table."""
    lines = ["| component | formula | units | safety | parameters |", "|---|---|---|---|---|"]
    lines += [
        f"| `{c.name}` | {c.formula} | {c.units} | {c.safety.value} | {', '.join(c.params) or '-'} |"
        for c in components().values()
    ]
    return "\n".join(lines) + "\n"
