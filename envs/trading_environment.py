"""One lane of the vector environment as Gymnasium knows it: windows in, one of twelve actions out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from config.schema import EnvConfig, SimulationConfig
from envs.actions import decode
from envs.episodes import SeededSource
from envs.step_kernels import PORTFOLIO_BOUND
from envs.vector_environment import VectorTradingEnvironment
from feature.feature_day import BRANCHES, FeatureDay
from rewards.composite import CompositeReward
from simulators.day_bank import DayBank
from simulators.layout import ACTIONS, Ending, OrderKind, Portfolio, Reason
from utils.errors import ConfigError

FEATURE_BOUND = 1e6
"""Bound of the declared spaces: features are scaled to the order of 1, so that leaving it is a fault."""

Observation = dict[str, npt.NDArray[np.float32]]


class TradingEnvironment(gym.Env[dict[str, Any], np.int64]):
    """Observation `hf` (60, H), `mf` (30, M), `lf` (30, L), `static` (S,), `portfolio` (10,), all float32.

    Features are those that were known at the end of the observed second. With `flatten`, windows come as vectors,
    row after row: stable-baselines3's checker advises against 2-d observations that are not images.

    `info` says what the step did: `reason` and `ending` by name, `fills`, `reward` by component, and the account.
    `terminated` covers bankruptcy, the loss limit and the limit of invalid actions; `truncated` the episode's length
    and the end of the data. The observation of the last step is that after the forced flatten.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - gymnasium declares it this way

    def __init__(
        self,
        bank: DayBank,
        feature_days: Sequence[FeatureDay],
        env: EnvConfig,
        simulation: SimulationConfig,
        reward: CompositeReward,
        source: SeededSource,
        seed: int,
        *,
        flatten: bool = False,
    ) -> None:
        """feature_days: one per day of the bank, in its order; reward: made for one lane.

        Raises ConfigError if features and market are not of the same days.
        """
        self._bank = bank
        self._features = tuple(feature_days)
        self._flatten = flatten
        self._source = source
        self._reward = reward
        _require_same_days(bank, self._features)
        self._lanes = VectorTradingEnvironment(bank, env, simulation, reward, 1, source, seed)
        self._restarted = False
        self.observation_space = self._space()
        self.action_space = spaces.Discrete(ACTIONS)

    def _space(self) -> spaces.Dict:
        first = self._features[0].window(0)
        shapes = {branch: first[branch].size if self._flatten else first[branch].shape for branch in BRANCHES}
        boxes = {
            branch: spaces.Box(-FEATURE_BOUND, FEATURE_BOUND, np.empty(shape).shape, np.float32)
            for branch, shape in shapes.items()
        }
        bound = PORTFOLIO_BOUND
        return spaces.Dict({**boxes, "portfolio": spaces.Box(-bound, bound, (len(Portfolio),), np.float32)})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start the source's next episode; with `seed`, begin source and latencies again first."""
        super().reset(seed=seed, options=options)
        if seed is not None:
            self._source.reseed(seed)
            self._lanes.reseed(seed)
        if seed is not None or not self._restarted:
            self._lanes.reset()
        self._restarted = False
        index, portfolio = self._lanes.index[0], self._lanes.portfolio[0]
        return self._observe(index, portfolio), self._where(index)

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Take one decision. An impossible action holds and is counted; see `EnvConfig.invalid_action`."""
        lanes = self._lanes
        lanes.step(np.array([action], np.int64))
        terminated, truncated = bool(lanes.terminated[0]), bool(lanes.truncated[0])
        self._restarted = terminated or truncated
        if self._restarted:
            index, portfolio = lanes.final_index[0], lanes.final_portfolio[0]
        else:
            index, portfolio = lanes.index[0], lanes.portfolio[0]
        return self._observe(index, portfolio), float(lanes.rewards[0]), terminated, truncated, self._info(index)

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which of the twelve actions are possible now, bool (12,). After an episode's end: only HOLD until `reset`."""
        if self._restarted:
            return np.arange(ACTIONS) == 0
        return self._lanes.action_mask[0].copy()

    def _observe(self, index: npt.NDArray[np.int32], portfolio: npt.NDArray[np.float32]) -> Observation:
        windows: Observation = self._features[int(index[0])].window(int(index[1]))
        if self._flatten:
            windows = {branch: window.reshape(-1) for branch, window in windows.items()}
        return {**windows, "portfolio": portfolio.copy()}

    def _where(self, index: npt.NDArray[np.int32]) -> dict[str, Any]:
        day = self._bank.days[int(index[0])]
        return {"symbol": day.symbol, "date": day.date.isoformat(), "second": int(index[1])}

    def _info(self, index: npt.NDArray[np.int32]) -> dict[str, Any]:
        step, fills = self._lanes.steps[0], self._lanes.fills[0, : self._lanes.fill_counts[0]]
        return {
            **self._where(index),
            "action": decode(int(step["action"])).text,
            "invalid": bool(step["invalid"]),
            "reason": Reason(int(step["reason"])).name,
            "ending": Ending(int(step["ending"])).name,
            "fills": [_fill(fill) for fill in fills],
            "reward": dict(zip(self._reward.names, self._reward.parts[0].tolist(), strict=True)),
            "equity": float(step["equity_after"]),
            "position": float(step["position_after"]),
            "drawdown": float(step["drawdown"]),
            "fees": float(step["fees"]),
            **{part: float(step[part]) for part in ("cost", "half_spread", "impact", "latency")},
        }


def _fill(fill: np.void) -> dict[str, Any]:
    """A FILL record by name; the lane is left out, codes are words."""
    values = dict(zip(fill.dtype.names or (), fill.item(), strict=True))
    del values["lane"], values["day"]
    return {**values, "reason": Reason(values["reason"]).name, "kind": OrderKind(values["kind"]).name}


def _require_same_days(bank: DayBank, features: Sequence[FeatureDay]) -> None:
    market = [(day.symbol, day.date.isoformat()) for day in bank.days]
    known = [(day.symbol, day.date) for day in features]
    if market != known:
        odd = next((pair for pair in zip(market, known, strict=False) if pair[0] != pair[1]), None)
        raise ConfigError(
            f"the bank's {len(market)} days and the {len(known)} feature days are not the same",
            where=f"{odd[0]} against {odd[1]}" if odd else "one list is longer",
            fix="extract the features of the bank's days, in the bank's order",
        )
