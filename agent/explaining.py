"""Which decisions are explained: drawn by kind from a rollout, or the entries and exits of a backtest's trades."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.lane_ppo import LanePPO
from agent.ledger import Run
from agent.policy import Judgement, Judging
from agent.rollout_buffer import INDEX
from agent.tables import AGENT, FIRST_ORDER
from metrics.explanation import Stratum
from simulators.layout import ACTIONS, SIZES, ActionType, Portfolio
from utils.errors import ModelError
from utils.paths import shown

ENTRY, EXIT = "entry_decided", "exit_decided"
Seen = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], int]
"""Portfolio [P], mask [12] and the action."""
SEEN_ROWS = 4_096
"""Moments that stand for all that the lanes saw."""


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """What was decided upon what, n decisions."""

    index: npt.NDArray[np.integer[Any]]
    """[n, 2] row of the feature store, second."""
    portfolio: npt.NDArray[np.float32]
    """[n, P]"""
    mask: npt.NDArray[np.bool_]
    """[n, 12]"""
    action: npt.NDArray[np.int64]
    """[n]"""
    lane: npt.NDArray[np.int64]
    """[n]"""

    def __len__(self) -> int:
        return len(self.action)

    @property
    def strata(self) -> list[Stratum]:
        """What each of them was, by the position that it was taken with."""
        kind, side = self.action // SIZES, self.portfolio[:, Portfolio.SIDE]
        sent = kind != ActionType.HOLD
        against = np.where(kind == ActionType.BUY, -side, side) > 0
        numbers = np.select([sent & against, sent, side != 0], [1, 0, 2], 3)
        members = list(Stratum)
        return [members[number] for number in numbers.tolist()]

    def at(self, rows: npt.NDArray[np.int64]) -> Self:
        """Those of `rows`."""
        return type(self)(**{name: part[rows] for name, part in self._arrays().items()})

    def save(self, path: Path) -> None:
        """As plain arrays."""
        np.savez(path, allow_pickle=False, **self._arrays())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Inverse of `save`. Raises ModelError if the file is damaged."""
        try:
            with np.load(path, allow_pickle=False) as told:
                return cls(**{field.name: told[field.name] for field in fields(cls)})
        except (ValueError, KeyError, OSError, BadZipFile) as why:
            raise ModelError(f"{path.name} holds no decisions: {why}", where=shown(path)) from why

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def rollout_decisions(ppo: LanePPO) -> Decisions:
    """All decisions of the last rollout that had something to choose from, step after step."""
    buffer = ppo.rollout_buffer
    observations = buffer.observations
    assert isinstance(observations, dict)
    steps, lanes = buffer.actions.shape[:2]
    masks = buffer.action_masks.reshape(steps * lanes, -1)
    chosen = np.flatnonzero(masks[:, FIRST_ORDER:].any(axis=1))
    index, portfolio = (observations[name].reshape(steps * lanes, -1)[chosen] for name in (INDEX, "portfolio"))
    action = buffer.actions.reshape(-1)[chosen].astype(np.int64)
    return Decisions(index=index, portfolio=portfolio, mask=masks[chosen], action=action, lane=chosen % lanes)


def draw(decisions: Decisions, each: int, chance: np.random.Generator) -> Decisions:
    """Up to `each` of every stratum, drawn without replacement; stratum after stratum, each in its order."""
    found = np.array([str(stratum) for stratum in decisions.strata])
    rows = [np.flatnonzero(found == str(stratum)) for stratum in Stratum]
    drawn = [np.sort(chance.choice(part, min(each, len(part)), replace=False)) for part in rows]
    return decisions.at(np.concatenate(drawn))


class OrdersNoted:
    """A policy that remembers what it saw when it last sent an order at a second of a day; it decides as ever.

    Whoever runs ahead (`agent.walks.RunAhead`) asks a policy about observations that never come true, and asks again:
    what it last said about a second is what was done.
    """

    def __init__(self, policy: Judging) -> None:
        self._policy = policy
        self.name = policy.name
        self.seen: dict[tuple[int, int], Seen] = {}
        """By row of the bank and second."""

    def judge(
        self, index: npt.NDArray[np.int32], portfolio: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]
    ) -> Judgement:
        """As the policy does."""
        judged = self._policy.judge(index, portfolio, mask)
        for row in np.flatnonzero(judged.actions >= FIRST_ORDER).tolist():
            day, second = index[row].tolist()
            self.seen[day, second] = portfolio[row].copy(), mask[row].copy(), int(judged.actions[row])
        return judged

    def act(
        self, index: npt.NDArray[np.int32], portfolio: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """As the policy does."""
        return self.judge(index, portfolio, mask).actions

    def decisions(self, lane: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> Decisions:
        """What was decided on lanes [n], each its own day, at seconds [n] at which an order was sent."""
        seen = [self.seen[key] for key in zip(lane.tolist(), second.tolist(), strict=True)]
        portfolio = np.array([row[0] for row in seen], np.float32).reshape(len(seen), len(Portfolio))
        mask = np.array([row[1] for row in seen], np.bool_).reshape(len(seen), ACTIONS)
        action = np.array([row[2] for row in seen], np.int64)
        index = np.stack([lane, second], 1)
        return Decisions(index=index, portfolio=portfolio, mask=mask, action=action, lane=lane)


def telling_trades(run: Run, most: int) -> pl.DataFrame:
    """The round trips that won or lost most, by lane and time: those of `agent.tables.round_trips`, with the seconds
    at which their entry and their exit were decided (ENTRY and EXIT); null if the agent did not: a stop, or the end of
    the day.
    """
    size = pl.col("pnl").abs()
    chosen = run.trades.filter(size.rank("ordinal", descending=True) <= most)
    ended = (pl.col("position") == 0).cast(pl.Int64)
    ends = (
        run.fills.with_columns((ended.cum_sum() - ended).over("lane").alias("trip"))
        .group_by("lane", "trip", maintain_order=True)
        .agg(
            pl.col("order", "by").first().name.prefix(f"{ENTRY} "),
            pl.col("order", "by").last().name.prefix(f"{EXIT} "),
        )
    )
    sent = run.orders.filter(pl.col("by") == AGENT).select("lane", "order", "by", "second")
    for end in (ENTRY, EXIT):
        named = sent.rename({"order": f"{end} order", "by": f"{end} by", "second": end})
        ends = ends.join(named, on=["lane", f"{end} order", f"{end} by"], how="left")
    return chosen.join(ends.select("lane", "trip", ENTRY, EXIT), on=["lane", "trip"], how="left").sort("lane", "trip")
