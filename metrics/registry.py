"""Every metric that is recorded: its name is spelled here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from utils.errors import ConfigError, nearest

STEP = "global_step"
"""The axis of all of them: environment steps, summed over lanes."""


class Better(Enum):
    """Which way a metric should go."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "-"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number per rollout. A name with {} stands for a family, e.g. one per reward component."""

    name: str
    unit: str
    better: Better
    formula: str

    def of(self, member: str) -> str:
        """Name of one member of the family."""
        return self.name.format(member)


_METRICS: dict[str, Metric] = {}


def metric(name: str, unit: str, better: Better, formula: str) -> Metric:
    """Register a metric; a name can be taken once."""
    made = Metric(name=name, unit=unit, better=better, formula=formula)
    if _METRICS.setdefault(name, made) != made:
        raise ConfigError(f"metric {name!r} is declared twice", where="metrics/registry.py", fix="rename one of them")
    return made


def metrics() -> dict[str, Metric]:
    """All metrics by name."""
    return dict(sorted(_METRICS.items()))


def find(name: str) -> Metric:
    """The metric (or family) that `name` belongs to. Raises ConfigError with the nearest names."""
    if name in _METRICS:
        return _METRICS[name]
    for known in _METRICS.values():
        head, brace, tail = known.name.partition("{}")
        if brace and name.startswith(head) and name.endswith(tail) and len(name) > len(head) + len(tail):
            return known
    raise ConfigError(
        f"no metric is called {name!r}",
        where="metrics/registry.py",
        near=nearest(name, _METRICS),
        fix="declare it there",
    )


def checked(values: Mapping[str, float]) -> dict[str, float]:
    """`values` as plain floats. Raises ConfigError for a name that is not declared."""
    for name in values:
        find(name)
    return {name: float(value) for name, value in values.items()}


def metric_table() -> str:
    """The metrics as a markdown table."""
    lines = ["| metric | unit | better | formula |", "|---|---|---|---|"]
    lines += [f"| `{m.name}` | {m.unit} | {m.better.value} | {m.formula} |" for m in metrics().values()]
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------- time
STEPS_PER_S = metric("time/steps_per_s", "1/s", Better.HIGHER, "environment steps / seconds since training began")
ELAPSED_S = metric("time/elapsed_s", "s", Better.NEITHER, "seconds since training began")
ETA_S = metric("time/eta_s", "s", Better.NEITHER, "expected seconds until the step or time limit")
ROLLOUT_S = metric("time/rollout_s", "s", Better.LOWER, "seconds spent on collecting the rollout")
UPDATE_S = metric("time/update_s", "s", Better.LOWER, "seconds spent on learning from it")
# ---------------------------------------------------------------- what the agent did in the rollout
REWARD = metric("rollout/reward", "reward per step", Better.HIGHER, "mean over steps and lanes")
REWARD_PART = metric("reward/{}", "reward per step", Better.NEITHER, "weighted component, mean over steps and lanes")
REWARD_EPISODE = metric("reward_episode/{}", "reward", Better.NEITHER, "component's total per episode, mean of recent")
REWARD_CORRELATION = metric(
    "reward_correlation/{}",
    "-",
    Better.HIGHER,
    "Pearson's, of the component's total per episode with ln(E_end / E_start), recent episodes",
)
REWARD_SHARE = metric("reward_share/{}", "share", Better.NEITHER, "of |reward|, by safety class")
EPISODES = metric("rollout/episodes", "count", Better.NEITHER, "episodes that ended in the rollout")
EPISODE_RETURN = metric("rollout/episode_log_return", "log return", Better.HIGHER, "mean ln(E_end / E_start), recent")
EPISODE_PNL = metric("rollout/episode_pnl", "$", Better.HIGHER, "mean E_end - E_start of recent episodes")
WIN_SHARE = metric("rollout/win_share", "share", Better.HIGHER, "recent episodes with E_end > E_start")
TRADES = metric("rollout/episode_trades", "count", Better.NEITHER, "mean closed round trips of recent episodes")
DRAWDOWN = metric("rollout/drawdown", "share", Better.LOWER, "mean over lanes of 1 - E / peak E, at the rollout's end")
INVALID_SHARE = metric("rollout/invalid_share", "share", Better.LOWER, "steps whose action was not possible")
# ---------------------------------------------------------------- learning
LOSS = metric("train/loss", "-", Better.LOWER, "policy + value_coef * value - entropy_coef * entropy, last minibatch")
POLICY_LOSS = metric("train/policy_gradient_loss", "-", Better.LOWER, "PPO's clipped surrogate, mean")
VALUE_LOSS = metric("train/value_loss", "-", Better.LOWER, "mean squared error of the value")
ENTROPY_LOSS = metric("train/entropy_loss", "nat", Better.NEITHER, "minus the mean entropy of the masked policy")
APPROX_KL = metric("train/approx_kl", "nat", Better.LOWER, "mean (ratio - 1) - ln ratio")
CLIP_FRACTION = metric("train/clip_fraction", "share", Better.NEITHER, "samples whose ratio was clipped")
EXPLAINED_VARIANCE = metric("train/explained_variance", "share", Better.HIGHER, "1 - Var(return - value) / Var(return)")
LEARNING_RATE = metric("train/learning_rate", "-", Better.NEITHER, "of the update")
CLIP_RANGE = metric("train/clip_range", "-", Better.NEITHER, "of the update")
ROLLBACKS = metric("train/rollbacks", "count", Better.LOWER, "updates undone because weights were not finite, so far")
UPDATES = metric("train/n_updates", "count", Better.NEITHER, "epochs so far")
# ---------------------------------------------------------------- curriculum and validation
STAGE = metric("curriculum/stage", "index", Better.NEITHER, "running stage, from 0")
STAGE_PROGRESS = metric("curriculum/progress", "share", Better.HIGHER, "of the running stage")
STAGE_RETURN = metric(
    "curriculum/mean_log_return",
    "log return",
    Better.HIGHER,
    "mean of the stage's last episodes, uniform draws left out",
)
UNIFORM_SHARE = metric("curriculum/uniform_share", "share", Better.NEITHER, "draws from anywhere since the stage began")
DAYS_LEFT = metric("curriculum/days_left", "count", Better.LOWER, "days of the stage not dealt since it began")
POINTS_LEFT = metric("curriculum/points_left", "count", Better.LOWER, "its reset points not dealt since it began")
VALIDATION_PNL = metric("validation/net_pnl", "$ per day", Better.HIGHER, "mean over validation days, deterministic")
VALIDATION_STEP = metric("validation/step", "steps", Better.NEITHER, "environment steps of the policy with that score")
