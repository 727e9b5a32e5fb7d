"""A trained policy at work: deterministic decisions over any feature days, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from agent.checkpoint import load_checkpoint, put_weights
from agent.policy import Judgement
from agent.ppo_agent import PPOAgent, require_same_model
from ai.block_cache import CACHE_BYTES
from ai.device import open_device
from ai.feature_store import TensorStore
from ai.policy import IMPOSSIBLE, block_policy, likeliest
from config.schema import ModelConfig
from feature.registry import FeatureSchema
from utils.paths import shown

MINUTES_AHEAD = 8
"""Encoded at once when a lane enters a minute that is not known yet."""

Index = npt.NDArray[np.int32]
Rows = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class PolicyRunner:
    """Decides for N lanes as `MarketPolicy.decide` does: no chance is involved.

    Encoded minutes are kept within `cache_bytes`; those behind the lanes' clocks make room first, so whole days need
    no more memory than hours. The weights are the runner's own copy.
    """

    name = "agent"
    """As it stands in tables."""

    def __init__(
        self,
        model: ModelConfig,
        weights: Mapping[str, Tensor],
        store: TensorStore,
        *,
        device: str,
        cache_bytes: int = CACHE_BYTES,
        where: str = "",
    ) -> None:
        """weights: by parameter name; where: what they belong to, for messages."""
        self._device = open_device(device)
        self.policy = block_policy(model, store, ahead=MINUTES_AHEAD, cache_bytes=cache_bytes).to(self._device)
        put_weights(self.policy, weights, where)

    @classmethod
    def of(cls, agent: PPOAgent, store: TensorStore, *, cache_bytes: int = CACHE_BYTES) -> PolicyRunner:
        """The agent's weights as they are now, on other days."""
        weights = dict(agent.policy.named_parameters())
        return cls(agent.model, weights, store, device=str(agent.policy.device), cache_bytes=cache_bytes)

    @classmethod
    def load(
        cls, folder: Path, store: TensorStore, schema: FeatureSchema, *, device: str, cache_bytes: int = CACHE_BYTES
    ) -> PolicyRunner:
        """A saved model, with its own network sizes.

        Raises ModelError if it is damaged or was trained on other features (they are named).
        """
        saved = load_checkpoint(folder, training=False)
        model = saved_model_config(saved.meta)
        require_same_model(saved.meta, model, schema, folder)
        return cls(model, saved.weights, store, device=device, cache_bytes=cache_bytes, where=shown(folder))

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> npt.NDArray[np.int64]:
        """index [N, 2] (row of the store, second), portfolio [N, P], mask [N, 12] -> actions [N]."""
        with torch.no_grad():
            return self.policy.decide(self._observation(index, portfolio), self._mask(mask)).cpu().numpy()

    def distribution(self, index: Index, portfolio: Rows, mask: Mask) -> Rows:
        """Probabilities [N, 12]; 0 where the mask is false."""
        with torch.no_grad():
            logits = self.policy.logits(self._observation(index, portfolio))
            return torch.where(self._mask(mask), logits, IMPOSSIBLE).softmax(1).cpu().numpy()

    def judge(self, index: Index, portfolio: Rows, mask: Mask) -> Judgement:
        """The actions of `act`, `distribution`, and the critic's values."""
        with torch.no_grad():
            logits, values = self.policy.opinion(self._observation(index, portfolio))
            probabilities = torch.where(self._mask(mask), logits, IMPOSSIBLE).softmax(1)
            actions = likeliest(probabilities)
            return Judgement(*(part.cpu().numpy() for part in (actions, probabilities, values)))

    def attention(self, index: Index, portfolio: Rows) -> dict[str, Rows]:
        """What the decisions look at: weights and gates by name (see `ai.market_encoder.MarketEncoder.attention`)."""
        weights = self.policy.attention(self._observation(index, portfolio))
        return {name: values.cpu().numpy() for name, values in weights.items()}

    def _mask(self, mask: Mask) -> Tensor:
        return torch.from_numpy(mask).to(self._device)

    def _observation(self, index: Index, portfolio: Rows) -> dict[str, Tensor]:
        # torch must not keep views of the environment's arrays, but within a call it may read them
        return {"index": torch.from_numpy(index), "portfolio": torch.from_numpy(portfolio).to(self._device)}


def saved_model_config(meta: Mapping[str, Any]) -> ModelConfig:
    """The network sizes of a saved model's `meta`."""
    return ModelConfig(**meta["model"])
