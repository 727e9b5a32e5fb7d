"""Encoded minutes of the market, kept while the weights stand still (rollouts, evaluation), within a fixed memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ai.feature_store import MINUTE_S, Ints
from data.layout import MINUTES

CACHE_BYTES = 256 << 20
"""Default bound: about 4,000 minutes at d = 64, several times what 64 lanes need for a rollout of 256 steps."""
ENCODE_AT_ONCE = 64
"""Blocks per encoder call: larger calls need more memory for activations and are no faster."""

Encode = Callable[[Ints, Ints], tuple[Tensor, Tensor]]
"""(day, minute) [n] -> per second [n * 60, 4d], per minute [n, 2d]"""


class BlockCache:
    """A slot table over two tensors. Blocks that were wanted longest ago make room: those behind the lanes' clocks."""

    def __init__(self, days: int, width: int, limit_bytes: int) -> None:
        self._width = width
        block_bytes = 4 * (4 * width * MINUTE_S + 2 * width)
        self.capacity = max(1, min(days * MINUTES, limit_bytes // block_bytes))
        self._slot = np.full(days * MINUTES, -1, np.int64)  # by key = day * 960 + minute
        self._owner = np.full(self.capacity, -1, np.int64)  # key by slot
        self._wanted = np.full(self.capacity, -1, np.int64)  # tick of the last (expected) use by slot
        self._tick = 0
        self._tables: tuple[Tensor, Tensor] | None = None
        self.encoded = 0
        """Blocks encoded since the start, for statistics."""

    def clear(self) -> None:
        """Forget everything and free the memory: the weights have changed."""
        self._tables = None
        if self._tick:
            self._slot.fill(-1)
            self._owner.fill(-1)
            self._wanted.fill(-1)
            self._tick = 0

    def gather(self, key: Ints, offset: Ints, ahead: int, encode: Encode) -> tuple[Tensor, Tensor] | None:
        """Rows of second `offset` (0-59) of the minutes `key`, [B] each: per second [B, 4d], per minute [B, 2d].

        What is missing is encoded, together with the `ahead` minutes after it. None if the rows touch more minutes
        than fit.
        """
        slots = self._slot[key]
        missing = slots < 0
        if missing.any():
            in_use = np.unique(slots[~missing])
            needed = np.unique(key[missing])
            if len(in_use) + len(needed) > self.capacity:
                return None
            self._fill(self._with_next(needed, ahead)[: self.capacity - len(in_use)], needed, in_use, encode)
            slots = self._slot[key]
        self._tick += 1
        self._wanted[slots] = self._tick
        assert self._tables is not None
        seconds, minutes = self._tables
        at = torch.from_numpy(np.stack([slots * MINUTE_S + offset, slots])).to(seconds.device)
        return seconds[at[0]], minutes[at[1]]

    def _with_next(self, needed: Ints, ahead: int) -> Ints:
        """`needed`, then the minutes after them that are not stored, nearest first, within the day."""
        later = needed + np.arange(1, ahead + 1)[:, None]  # [ahead, n]
        later = later[later // MINUTES == needed // MINUTES]
        keys = np.concatenate([needed, later[self._slot[later] < 0]])
        first = np.sort(np.unique(keys, return_index=True)[1])
        return keys[first]

    def _fill(self, keys: Ints, needed: Ints, in_use: Ints, encode: Encode) -> None:
        age = self._wanted.copy()
        age[in_use] = np.iinfo(np.int64).max
        slots = np.sort(np.argpartition(age, len(keys) - 1)[: len(keys)])
        dropped = self._owner[slots]
        self._slot[dropped[dropped >= 0]] = -1
        self._slot[keys], self._owner[slots] = slots, keys
        # minutes ahead are wanted later than the ones behind were
        before = needed[np.searchsorted(needed, keys, side="right") - 1]
        self._wanted[slots] = self._tick + MINUTE_S * np.maximum(0, keys - before)
        for start in range(0, len(keys), ENCODE_AT_ONCE):
            part = slice(start, start + ENCODE_AT_ONCE)
            self._store(slots[part], *encode(keys[part] // MINUTES, keys[part] % MINUTES))
        self.encoded += len(keys)

    def _store(self, slots: npt.NDArray[np.int64], seconds: Tensor, minutes: Tensor) -> None:
        if self._tables is None or self._tables[0].device != seconds.device:
            # untouched pages of an empty tensor cost nothing on a CPU
            self._tables = (
                torch.empty(self.capacity * MINUTE_S, 4 * self._width, device=seconds.device),
                torch.empty(self.capacity, 2 * self._width, device=seconds.device),
            )
        by_second, by_minute = self._tables
        at = torch.from_numpy(slots).to(seconds.device)
        by_second.view(self.capacity, -1)[at] = seconds.view(len(slots), -1)
        by_minute[at] = minutes
