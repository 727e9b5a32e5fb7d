"""What metrics see of a training run: the lanes' tape, the learner and the curriculum put together once a rollout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from agent.curriculum import Curriculum, PlayedEpisode
from agent.inspection import decisions, network_numbers
from agent.ppo_agent import PPOAgent
from agent.vec_env import LaneVecEnv
from envs.vector_environment import VectorTradingEnvironment
from metrics.layout import EPISODE_ROW, LIVE_ROW
from metrics.rollout import RewardNumbers, Rollout
from metrics.store_schema import FOLLOW
from metrics.tape import RolloutTape
from rewards.composite import CompositeReward
from simulators.layout import Ending


class Observed(NamedTuple):
    """What is looked at. Nothing of it is changed, but for what it keeps to be drained."""

    env: VectorTradingEnvironment
    vec: LaneVecEnv
    agent: PPOAgent
    curriculum: Curriculum
    reward: CompositeReward


class Recording:
    """Turns the tape into a `Rollout` for collectors and rows for sinks."""

    def __init__(self, parts: Observed, folder: Path, *, lanes: int, follow: int) -> None:
        """lanes: the first so many have their trades and fills recorded; follow: lane whose decisions are.

        folder: of the run; a file FOLLOW in it changes the lane that is followed.
        """
        self._parts, self._folder, self._lanes = parts, folder, lanes
        self._lane = min(follow, parts.env.count - 1)
        self._tape = RolloutTape(parts.env, parts.agent.training.n_steps)
        self._start_ns = parts.env.bank.table["start_ns"].astype(np.int64)
        self._quality = np.full(len(parts.env.bank), np.nan)
        self._quality[[day.number for day in parts.curriculum.days]] = [day.quality for day in parts.curriculum.days]
        running = parts.env.lanes  # of a run that goes on: in the middle of episodes
        self._starts = np.where(running["end"] > 0, running["start"], -1).astype(np.int64)  # as the rollout began
        parts.vec.tape = self._tape
        parts.agent.algorithm.keeps_probabilities = True

    def rollout(self, step: int, stats: Mapping[str, float]) -> Rollout:
        """The rollout that ended at `step`; its arrays are valid until `rewind`."""
        parts, tape = self._parts, self._tape
        return Rollout(
            step=step,
            stats=stats,
            steps=tape.steps,
            fills=tape.fills,
            trades=tape.trades(),
            episodes=self._episodes(parts.curriculum.drain()),
            start_ns=self._start_ns,
            reward=RewardNumbers(*parts.reward.drain()),
            curriculum=parts.curriculum.summary(),
            network=lambda: network_numbers(parts.agent.algorithm),
        )

    def tables(self, rollout: Rollout) -> dict[str, npt.NDArray[np.void]]:
        """Rows by table: all episodes, trades and fills of the first lanes, decisions of the one that is followed."""
        return {
            "episodes": rollout.episodes,
            "trades": rollout.trades[rollout.trades["lane"] < self._lanes],
            "fills": rollout.fills[rollout.fills["lane"] < self._lanes],
            "live": self._live(self._followed()),
        }

    def rewind(self) -> None:
        """The rollout has been read."""
        self._tape.rewind()
        self._starts[:] = self._parts.env.lanes["start"]

    def _followed(self) -> int:
        """The lane that is to be followed now: a word that is no lane changes nothing."""
        try:
            wanted = (self._folder / FOLLOW).read_text().strip()
        except OSError:
            return self._lane
        if wanted.isdecimal() and int(wanted) < self._parts.env.count:
            self._lane = int(wanted)
        return self._lane

    def _episodes(self, ended: list[PlayedEpisode]) -> npt.NDArray[np.void]:
        rows = np.zeros(len(ended), EPISODE_ROW)
        rows["reward"] = [episode.reward for episode in self._parts.agent.ended]  # both by step, then by lane
        for row, (outcome, stage, point, difficulty) in zip(rows, ended, strict=True):
            episode = outcome.episode
            row["lane"], row["stage"], row["point"], row["difficulty"] = outcome.lane, stage, point, difficulty
            row["day"], row["start"], row["length"] = episode
            row["steps"], row["trades"], row["ending"] = outcome.steps, outcome.trades, outcome.ending
            row["log_return"], row["pnl"] = outcome.log_return, outcome.pnl
        rows["quality"] = self._quality[rows["day"]]
        return rows

    def _live(self, lane: int) -> npt.NDArray[np.void]:
        """LIVE_ROW [T] of the lane."""
        steps = self._tape.steps[:, lane]
        thought = decisions(self._parts.agent.algorithm, lane)
        rows = np.zeros(len(steps), LIVE_ROW)
        for name in ("day", "second", "action", "reason", "ending", "price", "filled"):
            rows[name] = steps[name]
        rows["lane"], rows["start"] = lane, self._starts_of(steps, lane)
        rows["position"], rows["equity"] = steps["position_after"], steps["equity_after"]
        rows["reward"] = self._tape.rewards[:, lane]
        rows["hold"], rows["buy"], rows["sell"] = thought.probabilities[: len(steps)].T
        rows["value"] = thought.values[: len(steps)]
        return rows

    def _starts_of(self, steps: npt.NDArray[np.void], lane: int) -> npt.NDArray[np.int64]:
        """[T] first second of the episode of each step; the first one's is known from the rollout before, if any."""
        begins = steps["second"].astype(np.int64) - steps["seconds"]
        first = np.r_[True, steps["ending"][:-1] != Ending.RUNNING]
        starts = np.where(first, begins, 0)
        if self._starts[lane] >= 0:
            starts[0] = self._starts[lane]
        return starts[np.maximum.accumulate(np.where(first, np.arange(len(steps)), 0))]
