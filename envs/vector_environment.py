"""N lanes of the trading environment, stepped together. Everything else steps this one."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from config.schema import EnvConfig, SimulationConfig
from envs.episodes import Episode, EpisodeOutcome, EpisodeSource
from envs.step_kernels import SMALLEST_EQUITY, foresee_nb, observe_all_nb, step_nb
from rewards.composite import CompositeReward
from simulators.day_bank import DayBank
from simulators.execution_simulator import Rules
from simulators.layout import ACTIONS, FILL, FILLS_PER_SECOND, LANE, STEP, TERMS, TICKET, Ending, Portfolio
from simulators.portfolio_simulator import PortfolioSimulator
from utils.errors import ConfigError


class Snapshot(NamedTuple):
    """State of the lanes between two steps; not that of the episode source."""

    lanes: npt.NDArray[np.void]
    episodes: tuple[Episode, ...]
    reward: npt.NDArray[np.float64]


class Observations(NamedTuple):
    """What lanes will observe as long as they hold, lane after lane, each decision after decision."""

    found: npt.NDArray[np.int64]
    """Rows by lane, at least one."""
    at: npt.NDArray[np.int32]
    """(row of the bank, second) [M, 2]"""
    portfolio: npt.NDArray[np.float32]
    """[M, P]"""
    mask: npt.NDArray[np.bool_]
    """[M, 12]"""


class Core(NamedTuple):
    """What a kernel needs to step the lanes itself (`envs.step_kernels.step_lane_nb`, `rewards.kernels.reward_nb`)."""

    days: npt.NDArray[np.void]
    rules: npt.NDArray[np.void]
    terms: npt.NDArray[np.void]
    lanes: npt.NDArray[np.void]
    tickets: npt.NDArray[np.void]
    steps: npt.NDArray[np.void]
    fills: npt.NDArray[np.void]
    reward: int
    """Address that `reward_nb` is called with."""
    rewards: npt.NDArray[np.float32]
    """Where it writes [N]."""


def terms_of(env: EnvConfig) -> npt.NDArray[np.void]:
    """`env` as one TERMS record, in an array of length 1."""
    terms = np.zeros(1, TERMS)
    terms["interval_s"] = env.decision_interval_s
    terms["invalid_limit"] = env.invalid_limit if env.invalid_action == "terminate" else 0
    terms["show_mask"] = env.invalid_action == "mask"
    terms["max_loss"] = env.max_loss
    terms["bankrupt_equity"] = env.bankrupt_equity
    return terms


class VectorTradingEnvironment:
    """N lanes, each with its own day, clock, account and random stream.

    All arrays stay the same objects; `step` and `reset` overwrite what they hold. Lanes never disturb each other: a
    lane does the same in any company. An action that is not possible holds, and is counted in `steps["invalid"]`.
    A lane whose episode ends restarts within the same step: `index`, `portfolio` and `action_mask` then show its
    next episode, while `final_index` and `final_portfolio` keep the last observation of the ended one, and `steps`
    tells how it ended.
    """

    def __init__(
        self,
        bank: DayBank,
        env: EnvConfig,
        simulation: SimulationConfig,
        reward: CompositeReward,
        lanes: int,
        source: EpisodeSource,
        seed: int,
        first: int = 0,
    ) -> None:
        """Make the lanes; call `reset` before the first step. Raises ConfigError if the bank is empty.

        first: number of the first lane, as `PortfolioSimulator` takes it.
        """
        if not len(bank):
            raise ConfigError("there is no day to trade", fix="give the day bank at least one day")
        if len(reward.parts) != lanes:  # kernels check no bounds
            raise ValueError(f"the reward was made for {len(reward.parts)} lanes, not for {lanes}")
        self.bank = bank
        self.count = lanes
        self.reward = reward
        """Its `parts` tell what each component paid in the last step."""
        self._source = source
        self._rules = Rules(simulation)
        self._terms = terms_of(env)
        self._accounts = PortfolioSimulator(self._rules.table, lanes, seed, first)
        self._episodes = [Episode(0, 0, 1)] * lanes
        self.lanes = self._accounts.lanes
        self.steps: npt.NDArray[np.void] = np.zeros(lanes, STEP)
        self.fills: npt.NDArray[np.void] = np.zeros((lanes, FILLS_PER_SECOND * env.decision_interval_s + 1), FILL)
        """Row i holds the `fill_counts[i]` fills of lane i's last step, in order."""
        self.fills["lane"] = np.arange(lanes)[:, None]
        self.fill_counts = np.zeros(lanes, np.int32)
        self.index = np.zeros((lanes, 2), np.int32)
        """(row of the bank, second) that is observed."""
        self.portfolio = np.zeros((lanes, len(Portfolio)), np.float32)
        self.action_mask = np.zeros((lanes, ACTIONS), np.bool_)
        self.final_index = np.zeros_like(self.index)
        self.final_portfolio = np.zeros_like(self.portfolio)
        self.rewards = np.zeros(lanes, np.float32)
        self.terminated = np.zeros(lanes, np.bool_)
        self.truncated = np.zeros(lanes, np.bool_)
        self._observed = (self.index, self.portfolio, self.action_mask)
        self._state = (bank.table, self._rules.table, self._terms, self.lanes)
        self._results = (
            np.zeros(lanes, TICKET),
            self.steps,
            self.fills,
            self.fill_counts,
            *self._observed,
            self.terminated,
            self.truncated,
        )

    def reset(self) -> None:
        """Start a new episode on every lane."""
        for lane in range(self.count):
            self._open(lane)
        self.reward.reset(np.ones(self.count, np.bool_))
        observe_all_nb(*self._state, *self._observed)

    def reseed(self, seed: int) -> None:
        """Begin the lanes' random streams again. Running episodes go on; call `reset` after it."""
        self._accounts.reseed(seed)

    def step(self, actions: npt.NDArray[np.int64]) -> None:
        """Take one decision on every lane; `actions` i8 [N]."""
        if actions.shape != (self.count,):
            raise ValueError(f"{self.count} lanes need as many actions, not an array of shape {actions.shape}")
        done = step_nb(actions, *self._state, *self._results)
        np.copyto(self.rewards, self.reward.compute(self.steps))
        if done:
            self._restart()

    def foresee(self, which: npt.NDArray[np.int64], ahead: npt.NDArray[np.int64]) -> Observations:
        """What the lanes `which` [n] will observe as long as they hold, for up to `ahead` [n] decisions each.

        Exact, as the market does not depend on them; nothing is changed. Less where an episode ends.
        """
        rows = int(ahead.sum())
        index, portfolio = np.empty((rows, 2), np.int32), np.empty((rows, len(Portfolio)), np.float32)
        mask, found = np.empty((rows, ACTIONS), np.bool_), np.zeros(len(which), np.int64)
        scratch = (np.zeros(1, LANE), np.zeros(1, STEP), self.fills[0].copy(), np.zeros(1, TICKET))
        foresee_nb(which, ahead, *self._state, scratch, index, portfolio, mask, found)
        rows = int(found.sum())
        return Observations(found, index[:rows], portfolio[:rows], mask[:rows])

    @property
    def core(self) -> Core:
        """The arrays of the lanes, for kernels that step them without this object; those restart no lane."""
        tickets, steps, fills = self._results[:3]
        return Core(*self._state, tickets, steps, fills, self.reward.attach(self.steps), self.reward.total)

    def progress(self, share: float) -> None:
        """Tell the reward that `share` of the training is done: fading components follow."""
        self.reward.progress(share)

    def snapshot(self) -> Snapshot:
        """A copy of the state of all lanes."""
        return Snapshot(self.lanes.copy(), tuple(self._episodes), self.reward.state())

    def restore(self, snapshot: Snapshot) -> None:
        """Put the lanes back to `snapshot` and show their observations."""
        self.lanes[:] = snapshot.lanes
        self._episodes[:] = snapshot.episodes
        self.reward.load_state(snapshot.reward)
        observe_all_nb(*self._state, *self._observed)

    def _restart(self) -> None:
        """Keep the last observations of the lanes that ended, report them and start their next episodes."""
        done = np.flatnonzero(self.terminated | self.truncated)
        self.final_index[done] = self.index[done]
        self.final_portfolio[done] = self.portfolio[done]
        for lane in done.tolist():
            self._source.report(self._outcome(lane))
            self._open(lane)
        observe_all_nb(*self._state, *self._observed)

    def _outcome(self, lane: int) -> EpisodeOutcome:
        state = self.lanes[lane]
        start, end = float(state["start_equity"]), float(state["equity"])
        seconds = int(state["second"] - state["start"])
        return EpisodeOutcome(
            lane=lane,
            episode=self._episodes[lane],
            log_return=math.log(max(end, SMALLEST_EQUITY) / start),
            pnl=end - start,
            trades=int(state["trades"]),
            ending=Ending(int(state["ending"])),
            steps=-(-seconds // int(self._terms["interval_s"][0])),
        )

    def _open(self, lane: int) -> None:
        episode = self._source.next(lane)
        if not 0 <= episode.day < len(self.bank):
            raise ConfigError(f"episode {episode} is on none of the bank's {len(self.bank)} days")
        last = int(self.bank.table["last_s"][episode.day])
        if not 0 <= episode.start < last or episode.length < 1:
            raise ConfigError(
                f"episode {episode} does not fit into {self.bank.days[episode.day].name}",
                fix=f"start within [0, {last - 1}] and last at least 1 second",
            )
        self._episodes[lane] = episode
        self._accounts.open(lane, episode.day, episode.start, min(episode.start + episode.length, last))
