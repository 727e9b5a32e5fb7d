"""Rollout rows, stored narrowly, in an order that lets a minibatch share encoded minutes."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.buffers import MaskableDictRolloutBuffer, MaskableDictRolloutBufferSamples
from torch import Tensor

from agent.parallel import World
from ai.feature_store import MINUTE_S
from data.layout import MINUTES

INDEX = "index"
"""The observation that names rows of the feature store: looked up on the host, so it never goes to the device."""


class BlockMaskableRolloutBuffer(MaskableDictRolloutBuffer):
    """sb3-contrib's buffer of `n_steps` rows of every lane, with some differences.

    - Rows of one (day, minute) are cut into parts of up to `block_rows` rows and whole parts are shuffled: as good for
      learning as a full shuffle (docs/engine_ablation.md), and each minute is encoded about once per pass instead of
      once per row. With `block_rows` 1 the rows are shuffled fully.
    - Advantages are normalised over the whole rollout if `normalise` is set.
    - Of every minibatch a process gets its share of the rows: all of them, if it is alone in its `world`.
    - Actions, masks and episode starts are kept in a byte each.

    `generator` is drawn from once per pass; its state is part of a checkpoint.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        device: torch.device | str,
        gae_lambda: float,
        gamma: float,
        n_envs: int,
        *,
        block_rows: int,
        normalise: bool,
        generator: np.random.Generator,
        world: World | None = None,
    ) -> None:
        self._block_rows, self._normalise, self._world = block_rows, normalise, world or World()
        self.generator = generator
        super().__init__(buffer_size, observation_space, action_space, device, gae_lambda, gamma, n_envs)

    def reset(self) -> None:
        """Forget the rows."""
        super().reset()
        shape = self.buffer_size, self.n_envs
        self.actions = np.zeros((*shape, 1), np.uint8)
        self.action_masks = np.ones((*shape, self.mask_dims), np.bool_)
        self.episode_starts = np.zeros(shape, np.bool_)
        self._rows: MaskableDictRolloutBufferSamples | None = None

    def compute_returns_and_advantage(self, last_values: Tensor, dones: npt.NDArray[np.bool_]) -> None:
        """Generalised advantage estimation (Schulman et al. 2016, equation 16) and TD(lambda) returns.

        last_values [N]: of the observation after the last step; dones [N]: whether the last step ended an episode.
        """
        goes_on = 1 - np.vstack([self.episode_starts[1:], dones]).astype(np.float32)  # [T, N], 0 where a step was last
        following = np.vstack([self.values[1:], last_values.cpu().numpy().reshape(1, -1)])
        surprise = self.rewards + self.gamma * following * goes_on - self.values
        decay = self.gamma * self.gae_lambda * goes_on
        running = np.zeros(self.n_envs, np.float32)
        for step in reversed(range(self.buffer_size)):
            running = surprise[step] + decay[step] * running
            self.advantages[step] = running
        self.returns = self.advantages + self.values
        if self._normalise:
            spread = self.advantages.std(ddof=1) + 1e-8
            self.advantages = (self.advantages - self.advantages.mean()) / spread

    def get(self, batch_size: int | None = None) -> Generator[MaskableDictRolloutBufferSamples]:
        """One pass over all rows in minibatches of `batch_size` (None: all at once): this process's share of each, on
        the device.
        """
        assert self.full
        rows = self._rows = self._rows or self._on_device()
        order = torch.from_numpy(self._order())
        for batch in order.split(batch_size or len(order)):
            part = batch[self._world.share(len(batch))]
            here = part.to(self.device)
            yield MaskableDictRolloutBufferSamples(
                {name: column[part if name == INDEX else here] for name, column in rows.observations.items()},
                rows.actions[here].long(),
                rows.old_values[here],
                rows.old_log_prob[here],
                rows.advantages[here],
                rows.returns[here],
                rows.action_masks[here],
            )

    def _order(self) -> npt.NDArray[np.int64]:
        """Rows of the arrays [T, N], flat, in random order; drawn lane after lane, as stable-baselines3 does."""
        if self._block_rows == 1:
            drawn = self.generator.permutation(self.buffer_size * self.n_envs)
        else:
            drawn = block_order(self.swap_and_flatten(self.observations[INDEX]), self._block_rows, self.generator)
        return drawn % self.buffer_size * self.n_envs + drawn // self.buffer_size

    def _on_device(self) -> MaskableDictRolloutBufferSamples:
        """All rows as tensors, step after step: on a CPU views of the arrays."""
        columns = (self.actions, self.values, self.log_probs, self.advantages, self.returns)
        flat = [torch.from_numpy(column).to(self.device).flatten() for column in columns]
        masks = torch.from_numpy(self.action_masks).to(self.device).flatten(0, 1)
        observations = observation_tensors(self.observations, self.device)
        return MaskableDictRolloutBufferSamples(
            {name: rows.flatten(0, 1) for name, rows in observations.items()},
            actions=flat[0],
            old_values=flat[1],
            old_log_prob=flat[2],
            advantages=flat[3],
            returns=flat[4],
            action_masks=masks,
        )


def observation_tensors(rows: Mapping[str, npt.NDArray[Any]], device: torch.device | str) -> dict[str, Tensor]:
    """Observations [N, ...] by name as tensors on `device`, but for the index."""
    return {name: torch.from_numpy(row).to("cpu" if name == INDEX else device) for name, row in rows.items()}


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
