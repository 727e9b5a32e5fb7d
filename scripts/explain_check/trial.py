"""One seed: train on the toy market, explain three checks running, and hold the last against what was planted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
import torch
from captum.attr import ShapleyValueSampling

from agent.explaining import draw, rollout_decisions
from agent.ppo_agent import PPOAgent
from agent.vec_env import LaneVecEnv
from ai.attribution import Decisions, Effort, Subject, Target, explain
from ai.attribution.case import Case, Opinion, open_case
from ai.attribution.faithfulness import rank_correlation
from ai.attribution.gradients import Attributions, integrated
from ai.attribution.shap_values import gradient_shap
from ai.attribution.shares import Doubles, lag_of_features
from ai.feature_store import TensorStore
from config.schema import Config
from metrics.explanation import Cost, Curve, Explanation, State
from scripts.explain_check.market import DAYS, DEAD, LAGS, SCHEMA, TWINS, ToyMarket, deafen, toy_day
from utils.seeding import key, stream

CHECKED_AT = (0.6, 0.8, 1.0)
"""Shares of the training after which is explained: three checks running, as training checks do."""
SHAPLEY_DECISIONS, SHAPLEY_ORDERS, AT_ONCE = 16, 24, 16
"""Captum's ShapleyValueSampling: decisions, random orders of the features, features changed in one pass."""


class Trial(NamedTuple):
    """What a seed came to."""

    seed: int
    reward: float
    """A second, over the last rollout; 1.38 is what knowing the signal earns."""
    explanation: Explanation
    """The last check."""
    first_three: bool
    """The planted features matter most, to action."""
    lags: dict[str, int]
    """Found, by planted feature."""
    false_alarms: list[str]
    """Called dead, but planted alive."""
    missed: list[str]
    twins_found: bool
    """Exactly the planted pair."""
    deltas: Doubles
    """Of every decision, both targets."""
    shapley: float
    """Rank correlation with Shapley sampling."""
    same_shap: float
    """Rank correlation with SHAP from the same baseline; the explanation has that from other decisions."""
    seconds: float


class _Checks:
    """Explains while the training goes on; asks nothing of it but to be told about rollouts."""

    def __init__(self, agent: PPOAgent, store: TensorStore, config: Config, seed: int) -> None:
        self._agent, self._store, self._config, self._seed = agent, store, config, seed
        self._due = [share * config.training.total_steps for share in CHECKED_AT]
        self.found: list[Explanation] = []
        self.decisions: Decisions | None = None
        self.reward = 0.0

    def on_rollout(self, step: int, stats: dict[str, float]) -> None:  # noqa: ARG002 - a listener's shape
        """Explain if it is time."""
        self.reward = float(self._agent.algorithm.rollout_buffer.rewards.mean())
        if self._due and step >= self._due[0]:
            self._due.pop(0)
            self._explain(step)

    def _explain(self, step: int) -> None:
        began, settings = time.perf_counter(), self._config.explain
        everything = rollout_decisions(self._agent.algorithm)
        self.decisions = draw(everything, settings.decisions, stream(self._seed, "explain_check", "decisions", step))
        subject = Subject(self._agent.policy, self._store, SCHEMA.names, {}, None, everything.index)
        last = not self._due
        effort = Effort(**{name: getattr(settings, name) for name in Effort._fields})
        found = explain(
            subject,
            self.decisions,
            effort if last else effort._replace(shap=0),
            seed=self._seed,
            step=step,
            model="toy",
            earlier=self.found,
            cost=lambda: Cost(time.perf_counter() - began, 0.0, 0.0, 0.0),
            tell=lambda _: None,
        )
        self.found.append(found)


def trial(config: Config, seed: int) -> Trial:
    """Train with `seed` and explain."""
    began = time.perf_counter()
    torch.set_num_threads(config.training.threads)
    days = [toy_day(seed, number) for number in range(DAYS)]
    store = TensorStore(days)
    lanes = LaneVecEnv(ToyMarket(days, config.training.lanes, seed))
    agent = PPOAgent(config.training, config.model, lanes, store, SCHEMA, seed)
    deafen(agent.policy)
    checks = _Checks(agent, store, config, seed)
    agent.train([checks])
    assert checks.decisions is not None
    opinion, case = Opinion(agent.policy), open_case(agent.policy, store, checks.decisions)
    settings, last = config.explain, checks.found[-1]
    by_target = [integrated(opinion, case, target=t, steps=settings.steps, batch=settings.batch) for t in Target]
    some = np.sort(stream(seed, "explain_check", "shapley").permutation(len(case))[:SHAPLEY_DECISIONS])
    action, few = np.abs(by_target[0].by_feature[some]).mean(0, dtype=np.float64), case.chosen(some)
    dead = {use.name for use in last.features if use.state == State.DEAD}
    ranked = sorted(last.features, key=lambda use: -use.action)
    return Trial(
        seed=seed,
        reward=checks.reward,
        explanation=last,
        first_three={use.name for use in ranked[: len(LAGS)]} == set(LAGS),
        lags=_lags(by_target[0], [use.name for use in last.features]),
        false_alarms=sorted(dead - DEAD),
        missed=sorted(DEAD - dead),
        twins_found=[{pair.first, pair.second} for pair in last.redundant] == [set(TWINS)],
        deltas=np.concatenate([a.delta for a in by_target]).astype(np.float64),
        shapley=rank_correlation(action, shapley(opinion, few, key(seed, "explain_check", "orders"))),
        same_shap=rank_correlation(action, _shap(opinion, few, seed)),
        seconds=time.perf_counter() - began,
    )


def shapley(opinion: Opinion, case: Case, seed: int) -> Doubles:
    """[features]: mean absolute Shapley value over the decisions, of whole features, by sampling."""
    groups, first = [], 0
    for part in case.inputs:
        count = part.shape[-1]
        groups.append(torch.arange(first, first + count).expand(1, *part.shape[1:]).contiguous())
        first += count
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed % 2**63)
        found = ShapleyValueSampling(opinion).attribute(
            tuple(case.inputs),
            tuple(case.baseline),
            feature_mask=tuple(groups),
            additional_forward_args=(case.known, case.weights(Target.ACTION)),
            n_samples=SHAPLEY_ORDERS,
            perturbations_per_eval=AT_ONCE,
        )
    # Captum gives every element the value of its group
    values = torch.cat([part[:, 0] if part.ndim == 3 else part for part in found], 1)
    return values.abs().double().mean(0).numpy()


def _shap(opinion: Opinion, case: Case, seed: int) -> Doubles:
    """[features]: mean absolute SHAP value from the baseline that integrated gradients start at."""
    rows = np.arange(len(case))
    found = gradient_shap(opinion, case, rows, background=case.baseline, samples=64, batch=64, seed=key(seed, "shap"))
    return np.abs(found).mean(0, dtype=np.float64)


def _lags(action: Attributions, names: Sequence[str]) -> dict[str, int]:
    found = dict(zip(names, lag_of_features(action), strict=True))
    return {name: found[name] for name in LAGS}


class Areas(NamedTuple):
    """Under the curves of faithfulness."""

    deletion: float
    random_deletion: float
    insertion: float
    random_insertion: float

    @classmethod
    def of(cls, curve: Curve) -> Self:
        """By trapezia."""
        return cls(*(float(np.trapezoid(getattr(curve, name), curve.removed)) for name in cls._fields))
