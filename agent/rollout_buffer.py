"""Rollout rows in an order that lets a minibatch share encoded minutes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer, MaskableDictRolloutBufferSamples

from ai.feature_store import MINUTE_S
from data.layout import MINUTES

_FLAT = ("actions", "values", "log_probs", "advantages", "returns", "action_masks")


class BlockMaskableRolloutBuffer(MaskableDictRolloutBuffer):
    """Only the order of the rows and the place of the normalisation differ from sb3-contrib's buffer.

    Rows of one (day, minute) are cut into parts of up to `block_rows` rows and whole parts are shuffled: as good for
    learning as a full shuffle (measured), and each minute is encoded about once per pass instead of once per row.
    Advantages are normalised over the whole rollout, so that a minibatch of few parts does not shift them.
    `generator` is drawn from once per pass; its state is part of a checkpoint.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Dict,
        action_space: spaces.Space[Any],
        device: torch.device | str,
        gae_lambda: float,
        gamma: float,
        n_envs: int,
        *,
        block_rows: int,
        generator: np.random.Generator,
    ) -> None:
        self._block_rows = block_rows
        self.generator = generator
        super().__init__(buffer_size, observation_space, action_space, device, gae_lambda, gamma, n_envs)

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: npt.NDArray[np.bool_]) -> None:
        """Returns as usual; advantages to zero mean and unit deviation over the rollout."""
        super().compute_returns_and_advantage(last_values, dones)
        self.advantages = (self.advantages - self.advantages.mean()) / (self.advantages.std() + 1e-8)

    def get(self, batch_size: int | None = None) -> Generator[MaskableDictRolloutBufferSamples]:
        """One pass over all rows in minibatches of `batch_size` (None: all at once)."""
        assert self.full
        if not self.generator_ready:
            self.observations = {name: self.swap_and_flatten(rows) for name, rows in self.observations.items()}
            for name in _FLAT:
                setattr(self, name, self.swap_and_flatten(getattr(self, name)))
            self.generator_ready = True
        order = block_order(self.observations["index"], self._block_rows, self.generator)
        step = batch_size or len(order)
        for start in range(0, len(order), step):
            yield self._get_samples(order[start : start + step])


def block_order(
    index: npt.NDArray[np.integer[Any]], block_rows: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """A permutation of the rows [n] of `index` (day, second): shuffled parts of up to `block_rows` rows of a minute."""
    rows = generator.permutation(len(index))
    key = index[rows, 0].astype(np.int64) * MINUTES + index[rows, 1] // MINUTE_S
    grouped = np.argsort(key, kind="stable")  # by minute, in random order within it
    rows, key = rows[grouped], key[grouped]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    within = np.arange(len(key)) - np.repeat(first, np.diff(np.r_[first, len(key)]))
    part = np.cumsum(within % block_rows == 0) - 1
    place = generator.permutation(part[-1] + 1)[part]
    return rows[np.argsort(place, kind="stable")]
