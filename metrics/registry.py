"""Every metric that is recorded: its name is spelled here and nowhere else."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
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


class Group(Enum):
    """Whom a metric comes from: a collector of metrics/collectors of that name, explanations, or the run itself."""

    TRAINING = "training"
    TRADING = "trading"
    MODEL = "model"
    EXECUTION = "execution"
    REWARD = "reward"
    CURRICULUM = "curriculum"
    EXPLAIN = "explain"
    RUN = "run"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number per rollout. A name with {} stands for a family, e.g. one per reward component."""

    name: str
    unit: str
    better: Better
    formula: str
    collector: str

    def of(self, member: str) -> str:
        """Name of one member of the family."""
        return self.name.format(member)


_METRICS: dict[str, Metric] = {}


def metric(name: str, unit: str, better: Better, formula: str, collector: str | Group) -> Metric:
    """Register a metric that `collector` gives; a name can be taken once."""
    given = collector.value if isinstance(collector, Group) else collector
    made = Metric(name=name, unit=unit, better=better, formula=formula, collector=given)
    if _METRICS.setdefault(name, made) != made:
        raise ConfigError(f"metric {name!r} is declared twice", where="metrics/registry.py", fix="rename one of them")
    return made


@contextlib.contextmanager
def temporary_metrics() -> Generator[None]:
    """Metrics declared inside the block are forgotten when it ends."""
    before = dict(_METRICS)
    try:
        yield
    finally:
        _METRICS.clear()
        _METRICS.update(before)


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
    """The metrics as markdown tables, one a collector."""
    groups = dict.fromkeys([group.value for group in Group] + [m.collector for m in metrics().values()])
    parts: list[str] = []
    for group in groups:
        rows = [m for m in metrics().values() if m.collector == group]
        lines = [f"## {group.capitalize()}\n", "| metric | unit | better | formula |", "|---|---|---|---|"]
        lines += [f"| `{m.name}` | {m.unit} | {m.better.value} | {m.formula} |" for m in rows]
        parts += ["\n".join(lines) + "\n"] if rows else []
    return "\n".join(parts)


_HIGHER, _LOWER, _NEITHER = Better.HIGHER, Better.LOWER, Better.NEITHER
# ---------------------------------------------------------------- training: time and the update
_by = Group.TRAINING
STEPS_PER_S = metric("time/steps_per_s", "1/s", _HIGHER, "environment steps / seconds since training began", _by)
ELAPSED_S = metric("time/elapsed_s", "s", _NEITHER, "seconds since training began", _by)
ETA_S = metric("time/eta_s", "s", _NEITHER, "expected seconds until the step or time limit", _by)
ROLLOUT_S = metric("time/rollout_s", "s", _LOWER, "seconds spent on collecting the rollout", _by)
UPDATE_S = metric("time/update_s", "s", _LOWER, "seconds spent on learning from it", _by)
LOSS = metric("train/loss", "-", _LOWER, "policy + value_coef * value - entropy_coef * entropy, last minibatch", _by)
POLICY_LOSS = metric("train/policy_gradient_loss", "-", _LOWER, "PPO's clipped surrogate, mean", _by)
VALUE_LOSS = metric("train/value_loss", "-", _LOWER, "mean squared error of the value", _by)
ENTROPY_LOSS = metric("train/entropy_loss", "nat", _NEITHER, "minus the mean entropy of the masked policy", _by)
APPROX_KL = metric("train/approx_kl", "nat", _LOWER, "mean (ratio - 1) - ln ratio", _by)
CLIP_FRACTION = metric("train/clip_fraction", "share", _NEITHER, "samples whose ratio was clipped", _by)
EXPLAINED_VARIANCE = metric("train/explained_variance", "share", _HIGHER, "1 - Var(return - value) / Var(return)", _by)
GRADIENT_NORM = metric("train/gradient_norm", "-", _NEITHER, "of all weights before clipping, mean of minibatches", _by)
LEARNING_RATE = metric("train/learning_rate", "-", _NEITHER, "of the update", _by)
CLIP_RANGE = metric("train/clip_range", "-", _NEITHER, "of the update", _by)
ROLLBACKS = metric("train/rollbacks", "count", _LOWER, "updates undone because weights were not finite, so far", _by)
UPDATES = metric("train/n_updates", "count", _NEITHER, "epochs so far", _by)
# ---------------------------------------------------------------- trading: what the agent did in the rollout
_by = Group.TRADING
REWARD = metric("rollout/reward", "reward per step", _HIGHER, "mean over steps and lanes", _by)
EPISODES = metric("rollout/episodes", "count", _NEITHER, "episodes that ended in the rollout", _by)
EPISODE_RETURN = metric("rollout/episode_log_return", "log return", _HIGHER, "mean ln(E_end / E_start), recent", _by)
EPISODE_PNL = metric("rollout/episode_pnl", "$", _HIGHER, "mean E_end - E_start of recent episodes", _by)
WIN_SHARE = metric("rollout/win_share", "share", _HIGHER, "recent episodes with E_end > E_start", _by)
TRADES = metric("rollout/episode_trades", "count", _NEITHER, "mean closed round trips of recent episodes", _by)
DRAWDOWN = metric("rollout/drawdown", "share", _LOWER, "mean over lanes of 1 - E / peak E, at the rollout's end", _by)
INVALID_SHARE = metric("rollout/invalid_share", "share", _LOWER, "steps whose action was not possible", _by)
PNL = metric("trading/pnl", "$", _HIGHER, "sum over steps and lanes of E_after - E_before, net", _by)
CLOSED = metric("trading/trades", "count", _NEITHER, "round trips closed in the rollout", _by)
TRADE_PNL = metric("trading/pnl_per_trade", "$", _HIGHER, "mean net P&L of those", _by)
TRADE_WINS = metric("trading/win_rate", "share", _HIGHER, "of those with net P&L > 0", _by)
PROFIT_FACTOR = metric("trading/profit_factor", "-", _HIGHER, "sum of their gains / sum of their losses", _by)
MAE = metric("trading/mae", "share", _HIGHER, "mean worst open P&L of those / cost of the position, <= 0", _by)
MFE = metric("trading/mfe", "share", _HIGHER, "mean best open P&L of those / cost of the position, >= 0", _by)
HELD_S = metric("trading/held_s", "s", _NEITHER, "mean time that those were open", _by)
COSTS = metric("trading/costs", "$", _LOWER, "fees + half spread + impact, sum over steps and lanes", _by)
TURNOVER = metric("trading/turnover", "1 per hour", _NEITHER, "notional / equity per hour of the market", _by)
EXPOSURE = metric("trading/exposure", "share", _NEITHER, "mean over steps and lanes of |position| * mid / E", _by)
INVESTED = metric("trading/invested", "share", _NEITHER, "steps that end with a position", _by)
MAX_DRAWDOWN = metric("trading/max_drawdown", "share", _LOWER, "greatest 1 - E / peak E of any step and lane", _by)
# ---------------------------------------------------------------- the network
_by = Group.MODEL
GATE = metric(
    "model/gate/{}", "share", _NEITHER, "how far the token's gate is open, mean over a sample of the rows", _by
)
WEIGHT_NORM = metric("model/weight_norm/{}", "-", _NEITHER, "L2 norm of the part's parameters", _by)
GRADIENT_PART = metric(
    "model/gradient_norm/{}", "-", _NEITHER, "L2 norm of the part's gradient in the last minibatch, after clipping", _by
)
# ---------------------------------------------------------------- orders and fills
_by = Group.EXECUTION
ORDERS = metric("execution/orders", "count", _NEITHER, "orders that actions sent", _by)
FILLS = metric("execution/fills", "count", _NEITHER, "fills, forced ones included", _by)
REASON_SHARE = metric(
    "execution/reason/{}", "share", _NEITHER, "of the steps with an order event: the last one's reason", _by
)
COST_PART = metric("execution/cost/{}", "bps", _LOWER, "dollars / notional of all fills", _by)
LATENCY_MS = metric(
    "execution/latency_ms", "ms", _LOWER, "decision to arrival of orders that traded on arrival, mean", _by
)
LATENCY_P95_MS = metric("execution/latency_p95_ms", "ms", _LOWER, "the same, 95th percentile", _by)
# ---------------------------------------------------------------- rewards
_by = Group.REWARD
REWARD_PART = metric("reward/{}", "reward per step", _NEITHER, "weighted component, mean over steps and lanes", _by)
REWARD_EPISODE = metric("reward_episode/{}", "reward", _NEITHER, "component's total per episode, mean of recent", _by)
REWARD_CORRELATION = metric(
    "reward_correlation/{}",
    "-",
    _HIGHER,
    "Pearson's, of the component's total per episode with ln(E_end / E_start), recent episodes",
    _by,
)
REWARD_SHARE = metric("reward_share/{}", "share", _NEITHER, "of |reward|, by safety class", _by)
# ---------------------------------------------------------------- curriculum
_by = Group.CURRICULUM
STAGE = metric("curriculum/stage", "index", _NEITHER, "running stage, from 0", _by)
STAGE_PROGRESS = metric("curriculum/progress", "share", _HIGHER, "of the running stage", _by)
STAGE_RETURN = metric(
    "curriculum/mean_log_return",
    "log return",
    _HIGHER,
    "mean of the stage's last episodes, uniform draws left out",
    _by,
)
UNIFORM_SHARE = metric("curriculum/uniform_share", "share", _NEITHER, "draws from anywhere since the stage began", _by)
STAGE_DAYS = metric("curriculum/days", "count", _NEITHER, "days of the stage", _by)
DAYS_LEFT = metric("curriculum/days_left", "count", _LOWER, "of them, not dealt since it began", _by)
POINTS_USED = metric("curriculum/points_used", "count", _HIGHER, "its reset points dealt since it began", _by)
POINTS_LEFT = metric("curriculum/points_left", "count", _LOWER, "its reset points not dealt since it began", _by)
QUALITY = metric(
    "curriculum/quality", "share", _NEITHER, "mean ex-post quality of the days of episodes that ended", _by
)
DIFFICULTY = metric(
    "curriculum/difficulty", "share", _NEITHER, "mean difficulty of the reset points of episodes that ended", _by
)
LOSING_DAYS = metric(
    "curriculum/losing_days", "share", _LOWER, "of the stage's days played so far: those that lost of late", _by
)
# ---------------------------------------------------------------- what the policy looks at, by the newest check
_by = Group.EXPLAIN
EXPLAINED_STEP = metric("explain/step", "steps", _NEITHER, "environment steps of the policy that was explained", _by)
FAMILY_SHARE = metric("explain/family/{}", "share", _NEITHER, "of the action's attribution, by feature family", _by)
BRANCH_SHARE = metric("explain/branch/{}", "share", _NEITHER, "of the action's attribution, by branch", _by)
VALUE_SHARE = metric("explain/value/{}", "share", _NEITHER, "of the value's attribution, by branch", _by)
ATTENTION_ENTROPY = metric(
    "explain/entropy/{}", "share", _NEITHER, "of looking everywhere alike; by branch and head, mean over decisions", _by
)
ATTENTION_LAG = metric("explain/lag/{}", "rows", _NEITHER, "mean rows back that a head looks, by branch and head", _by)
ATTENTION_SHIFT = metric(
    "explain/shift/{}",
    "share",
    _NEITHER,
    "half the sum of |weight - weight in the check before|, mean over heads, by branch",
    _by,
)
DEAD_FEATURES = metric("explain/dead", "count", _LOWER, "features without influence in so many checks running", _by)
QUIET_FEATURES = metric("explain/quiet", "count", _LOWER, "features without influence, but not yet for so long", _by)
REDUNDANT_PAIRS = metric("explain/redundant", "count", _LOWER, "pairs of features that say nearly the same", _by)
DRIFT = metric(
    "explain/drift", "-", _LOWER, "largest population stability index of a feature, lanes against training days", _by
)
EXPLAIN_DELTA = metric(
    "explain/delta", "share", _LOWER, "largest gap between a decision's attributions and what they are to sum to", _by
)
AGREEMENT = metric("explain/agreement", "-", _HIGHER, "rank correlation with SHAP's GradientExplainer", _by)
RANDOMISED = metric("explain/randomised", "-", _LOWER, "rank correlation with attributions of random weights", _by)
FAITHFULNESS = metric(
    "explain/faithfulness", "share", _HIGHER, "area between own and random order, mean of deletion and insertion", _by
)
EXPLAIN_S = metric("explain/seconds", "s", _LOWER, "that the check took, beside the training", _by)
EXPLAIN_CPU_S = metric("explain/cpu_s", "s", _LOWER, "CPU time of its process", _by)
EXPLAIN_MB = metric("explain/memory_mb", "MB", _LOWER, "most that its process held", _by)
EXPLAIN_FAILURES = metric(
    "explain/failures", "count", _LOWER, "checks that came to nothing, in this part of a run", _by
)
EXPLAIN_SKIPPED = metric(
    "explain/skipped", "count", _LOWER, "checks left out as the one before went on, in this part of a run", _by
)
# ---------------------------------------------------------------- the run
_by = Group.RUN
VALIDATION_PNL = metric("validation/net_pnl", "$ per day", _HIGHER, "mean over validation days, deterministic", _by)
VALIDATION_STEP = metric("validation/step", "steps", _NEITHER, "environment steps of the policy with that score", _by)
COLLECT_S = metric(
    "time/collect_s", "s", _LOWER, "seconds that collecting and handing over the numbers of the rollout took", _by
)
DROPPED = metric("time/dropped", "count", _LOWER, "messages that sinks were too slow to take, so far", _by)
