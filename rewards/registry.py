"""Reward components: one declaration and one short kernel each, found by looking through `rewards/components`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from utils.registry import Registry

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


COMPONENTS: Registry[RewardComponent] = Registry(
    "reward component", "rewards.components", "reward.components of the configuration"
)


def reward_component(
    *, name: str, formula: str, units: str, safety: Safety, params: tuple[str, ...] = ()
) -> Callable[[Any], Any]:
    """Register the decorated kernel under `name`; a name can be taken once."""

    def register(kernel: Any) -> Any:
        declared = RewardComponent(name=name, formula=formula, units=units, safety=safety, params=params, kernel=kernel)
        COMPONENTS.add(name, declared, kernel.__module__)
        return kernel

    return register


def reward_table() -> str:
    """The components as a markdown table."""
    lines = ["| component | formula | units | safety | parameters |", "|---|---|---|---|---|"]
    lines += [
        f"| `{c.name}` | {c.formula} | {c.units} | {c.safety.value} | {', '.join(c.params) or '-'} |"
        for c in COMPONENTS.all().values()
    ]
    return "\n".join(lines) + "\n"
