"""What metrics want to see of the learner between two rollouts. Looking changes nothing and draws nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from agent.lane_ppo import LanePPO
from agent.rollout_buffer import observation_tensors
from ai.fusion import MARKET_TOKENS, Token
from ai.policy import MarketPolicy
from metrics.rollout import NetworkNumbers
from simulators.layout import SIZES, ActionType

SAMPLE = 32
"""Rows of the rollout over which gates are averaged."""


class Decisions(NamedTuple):
    """What the policy thought on one lane in the last rollout, [T] steps."""

    probabilities: npt.NDArray[np.float32]
    """[T, 3] of hold, buy and sell, masked, summed over sizes; nan if they are not kept."""
    values: npt.NDArray[np.float32]
    """[T] of the critic, before each step."""


def decisions(ppo: LanePPO, lane: int) -> Decisions:
    """Of the last rollout; `ppo.keeps_probabilities` decides whether probabilities are known."""
    values = ppo.rollout_buffer.values[:, lane].copy()
    if not ppo.log_probabilities:
        return Decisions(np.full((len(values), len(ActionType)), np.nan, np.float32), values)
    logs = torch.stack(ppo.log_probabilities)[:, lane]
    by_kind = logs.exp().view(-1, len(ActionType), SIZES).sum(2)
    return Decisions(by_kind.float().cpu().numpy(), values)


def network_numbers(ppo: LanePPO) -> NetworkNumbers:
    """Gates over SAMPLE rows of the last rollout, spread evenly; norms of weights and gradients by part."""
    policy = ppo.policy
    assert isinstance(policy, MarketPolicy)
    gates = policy.attention(_sample(ppo))["gates"].mean(0).tolist()
    names = [token.name.lower() for token in list(Token)[:MARKET_TOKENS]]
    parameters = dict(policy.named_parameters())
    gradients = {name: p.grad for name, p in parameters.items() if p.grad is not None}
    return NetworkNumbers(dict(zip(names, gates, strict=True)), _norms(parameters.items()), _norms(gradients.items()))


def part_of(parameter: str) -> str:
    """Which part of the network a parameter belongs to: inputs, a branch, fusion, policy or value."""
    head, _, rest = parameter.partition("features_extractor.encoder.")
    if rest and not head:
        return rest.replace("_", ".").partition(".")[0]
    return "value" if "value_net" in parameter else "policy"


def _sample(ppo: LanePPO) -> dict[str, Tensor]:
    observations = ppo.rollout_buffer.observations
    assert isinstance(observations, dict)
    steps, lanes = observations["index"].shape[:2]
    row = np.linspace(0, steps * lanes - 1, min(SAMPLE, steps * lanes)).astype(np.int64)
    return observation_tensors(
        {name: rows[row // lanes, row % lanes] for name, rows in observations.items()}, ppo.device
    )


@torch.no_grad()
def _norms(tensors: Iterable[tuple[str, Tensor | nn.Parameter]]) -> dict[str, float]:
    """L2 norm by part; read from the device at once."""
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for name, tensor in tensors:
        parts[part_of(name)].append(tensor)
    if not parts:
        return {}
    norms = [nn.utils.get_total_norm(part) for part in parts.values()]
    return dict(zip(parts, torch.stack(norms).tolist(), strict=True))
