"""The page on rewards, from the registry and the presets."""

from __future__ import annotations

from collections.abc import Mapping

from config.schema import RewardConfig
from rewards.composite import GUARD
from rewards.registry import COMPONENTS, RewardComponent
from utils.markdown import markdown

HEAD = f"""# Rewards

A preset (`reward=NAME`, a file in `config/reward/`) names the components that pay, each with its limits:

| key | what it does |
|---|---|
| `enabled`, `weight` | reward per unit; the weight is at least 0, penalties are negative by themselves |
| `clip` | most per step, in the component's units; of a potential: most of Phi |
| `cap` | most of its size, summed over an episode |
| `smoothing` | weight of the past in a moving average; what an ended episode is still owed comes with its last step |
| `until` | share of the training over which the weight fades to 0, linearly |
| `halflife` | share of the training in which the weight halves, again and again |

## What a component may do

| class | promise | held by |
|---|---|---|
| telescoping | its sum over an episode is a function of the account, so it cannot be farmed | no clip, no cap |
| potential | gamma * Phi(s') - Phi(s), Phi = 0 at the start and after termination: the optimal policy stays \
(Ng, Harada, Russell 1999, "Policy invariance under reward transformations") \
| no cap, no smoothing; `reward.gamma` is the agent's |
| shaping penalty | never positive | clip and cap |
| shaping bonus | never negative | clip and cap; the guard below |
| shaping rebate | hands back part of a cost that the base charges, while training begins | `until` below 1 |

## Guards

- **No bonus without net profit.** Bonuses add at most `reward.bonus_share` of the episode's net gain so far (what
  telescoping parts and rebates have paid). They are taken back as the gain melts, and a loss is charged the same
  share: the part `{GUARD}`. So an episode's sum is at most (1 + share) times its gain, potentials aside, and as that
  bound is a straight line, no gambling between episodes gets around it: a policy that loses on average is paid less
  than nothing.
- **No way out.** An episode that the agent can end (loss limit, bankruptcy, invalid actions) is charged every penalty
  up to its cap, so that ending it never saves one. Time and data running out charge nothing.
- **Nothing left open.** The position is closed at an episode's end, and its cost is part of the last step.
- **Shaping is counted.** The share of |reward| by class is a metric (`reward_share/...`); above `reward.shaping_limit`
  training warns. `reward/...`, `reward_episode/...` and `reward_correlation/...` tell of every component.

`./fx audit-rewards` sends scripted cheats and short trainings after every preset: [reward_audit.md](reward_audit.md).

"""


def rewards_page(presets: Mapping[str, RewardConfig]) -> str:
    """All components, and the weights of each preset."""
    components = COMPONENTS.all()
    return (
        HEAD
        + "## Components\n\n"
        + markdown(
            ["component", "formula per step", "units", "class", "parameters"], [_row(c) for c in components.values()]
        )
        + "\n## Presets\n\nWeights; a search varies them as `reward.components.NAME.weight`.\n\n"
        + markdown(
            ["component", *(f"`{name}`" for name in presets)],
            [[f"`{name}`", *(_weight(p, name) for p in presets.values())] for name in components],
        )
    )


def _row(component: RewardComponent) -> list[str]:
    return [
        f"`{component.name}`",
        component.formula,
        component.units,
        component.kind,
        ", ".join(component.params) or "-",
    ]


def _weight(preset: RewardConfig, name: str) -> str:
    given = preset.components.get(name)
    if given is None or not given.enabled:
        return "-"
    return f"{given.weight:g}" + (f" until {given.until:g}" if given.until else "")
