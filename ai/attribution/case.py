"""The function that is explained, and where: from the network's scaled inputs to one number a decision.

Inputs are what the last token sees of the windows, after the fitted scales. Their baseline is 0, which is the typical
value and the unknown one alike. Before the scales it would be another function: there 0 means unknown and is cut out of
the scaling, so the function jumps at 0 and no path from 0 can be integrated along. The account's baseline is a flat one
at the start of an episode.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ai.feature_store import TensorStore, Windows
from ai.policy import MarketPolicy
from simulators.layout import ACTIONS, Portfolio

PORTFOLIO = "portfolio"
"""Name of the branch of the account's own columns."""
GATHERED = 64
"""Decisions whose whole windows are in memory at once."""

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Target(StrEnum):
    """The number that is explained."""

    ACTION = "action"  # logit of what was done minus the mean logit of what was possible
    VALUE = "value"  # the critic's


class Decisions(Protocol):
    """What is explained: n decisions, as `agent.explaining` chooses them."""

    @property
    def index(self) -> npt.NDArray[np.integer[Any]]:
        """[n, 2]: row of the store, second."""
        ...

    @property
    def portfolio(self) -> Floats:
        """[n, P], see `simulators.layout.Portfolio`."""
        ...

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """[n, 12]: actions that were possible, one at least."""
        ...

    @property
    def action(self) -> npt.NDArray[np.integer[Any]]:
        """[n]"""
        ...

    @property
    def lane(self) -> npt.NDArray[np.integer[Any]]:
        """[n], for whoever reads the explanation."""
        ...

    @property
    def strata(self) -> Sequence[str]:
        """n of `metrics.explanation.Stratum`."""
        ...


class Inputs(NamedTuple):
    """The network's inputs behind the fitted scales; rows of time are the oldest first."""

    hf: Tensor  # [n, Th, H]
    mf: Tensor  # [n, Tm, M]
    lf: Tensor  # [n, 30, L]
    static: Tensor  # [n, S]
    portfolio: Tensor  # [n, P]

    @property
    def columns(self) -> list[tuple[str, int]]:
        """Branch and column of every feature, in the order in which all features stand side by side."""
        return [(branch, column) for branch, part in self._asdict().items() for column in range(part.shape[-1])]

    def without(self, branch: str, column: int, baseline: Inputs) -> Tensor:
        """The branch's part with one column at its baseline in all rows."""
        part = getattr(self, branch).clone()
        part[..., column] = getattr(baseline, branch)[..., column]
        return part


class Opinion(nn.Module):
    """A policy's network from its scaled inputs on: a copy of its own, in which nothing is learnt any more."""

    def __init__(self, policy: MarketPolicy) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(policy.encoder)
        self.heads = copy.deepcopy(policy.mlp_extractor)
        self.action = copy.deepcopy(policy.action_net)
        self.value = copy.deepcopy(policy.value_net)
        self.requires_grad_(False).eval()

    def forward(
        self, hf: Tensor, mf: Tensor, lf: Tensor, static: Tensor, portfolio: Tensor, known: Tensor, weights: Tensor
    ) -> Tensor:
        """`Inputs`; known [n, 30]: sessions that are; weights [n, 13] of the logits and the value -> [n]."""
        return self.of_vectors(self.encoder.of_scaled(Windows(hf, mf, lf, static), known), portfolio, weights)

    def of_vectors(self, vectors: Tensor, portfolio: Tensor, weights: Tensor) -> Tensor:
        """The same from the market's vectors [n, 4, d] on."""
        actor, critic = self.heads(self.encoder.decide_vectors(vectors, portfolio))
        return (torch.cat([self.action(actor), self.value(critic)], 1) * weights).sum(1)


@dataclass(frozen=True)
class Case:
    """n decisions as the network sees them."""

    inputs: Inputs
    known: Tensor
    """[n, 30] bool: sessions with data. Held fixed, or the function would jump where a session becomes known."""
    contrast: Tensor
    """[n, 13]: of logits and value, adds up to the chosen logit minus the mean logit of the possible actions."""
    now: Floats
    """[n, features]: the latest row of every feature as the feature declares it, before the fitted scales."""

    def __len__(self) -> int:
        return len(self.known)

    def chosen(self, rows: Ints) -> Case:
        """Those decisions."""
        at = torch.from_numpy(rows).to(self.known.device)
        return Case(Inputs(*(part[at] for part in self.inputs)), self.known[at], self.contrast[at], self.now[rows])

    def weights(self, target: Target) -> Tensor:
        """[n, 13] of logits and value."""
        if target == Target.ACTION:
            return self.contrast
        return nn.functional.one_hot(torch.full_like(self.known[:, 0], ACTIONS, dtype=torch.long)).to(self.contrast)

    @property
    def baseline(self) -> Inputs:
        """[1, ...] of each branch."""
        parts = [torch.zeros_like(part[:1]) for part in self.inputs[:4]]
        return Inputs(*parts, portfolio=torch.from_numpy(flat_account())[None].to(self.inputs.portfolio))


def flat_account() -> Floats:
    """Portfolio columns [P] at the start of an episode: all cash, nothing else."""
    account = np.zeros(len(Portfolio), np.float32)
    account[Portfolio.CASH_SHARE] = 1.0
    return account


@torch.no_grad()
def open_case(policy: MarketPolicy, store: TensorStore, decisions: Decisions) -> Case:
    """The inputs of `decisions`, on the policy's device, read from `store` a few at a time."""
    parts, now = [], []
    for first in range(0, len(decisions.action), GATHERED):
        day, second = decisions.index[first : first + GATHERED].astype(np.int64).T
        windows = store.windows(day, second)
        parts.append(policy.encoder.scaled(Windows(*(part.to(policy.device) for part in windows))))
        latest = [windows.hf[:, -1], windows.mf[:, -1], windows.lf[:, -1], windows.static]
        now.append(torch.cat(latest, 1).numpy())
    scaled = Windows(*(torch.cat(part) for part in zip(*parts, strict=True)))
    inputs = Inputs(*scaled, portfolio=torch.from_numpy(decisions.portfolio).to(policy.device))
    contrast = torch.from_numpy(_contrast(decisions.action, decisions.mask)).to(policy.device)
    return Case(inputs, (scaled.lf != 0).any(2), contrast, np.hstack([np.concatenate(now), decisions.portfolio]))


def _contrast(action: npt.NDArray[np.integer[Any]], mask: npt.NDArray[np.bool_]) -> Floats:
    """[n, 13]: 1 for what was done, minus 1 / k for each of the k possible actions, 0 for the value."""
    weights = np.zeros((len(action), ACTIONS + 1), np.float32)
    weights[np.arange(len(action)), action] = 1.0
    weights[:, :ACTIONS] -= mask / mask.sum(1, keepdims=True)
    return weights
