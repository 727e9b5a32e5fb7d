"""Encoded minutes of the market, kept while the weights stand still (rollouts, evaluation), within a fixed memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ai.feature_store import MINUTE_S, Ints
from ai.market_encoder import Market
from data.layout import MINUTES

CACHE_BYTES = 256 << 20
"""Default bound: about 4,000 minutes at d = 64, several times what 64 lanes need for a rollout of 256 steps."""
ENCODE_AT_ONCE = 64
"""Blocks per encoder call, at most: more need memory for activations and are no faster."""
ENCODE_AT_LEAST = 16
"""Blocks per encoder call, if as many are of use: a single one takes more than twice as long as its share of 16."""

Encode = Callable[[Ints, Ints], Market]
"""(day, minute) [n] -> n * 60 rows per second, n rows per minute"""


class BlockCache:
    """A slot table over two tensors. Blocks that were wanted longest ago make room: those behind the lanes' clocks."""

    def __init__(self, days: int, width: int, limit_bytes: int) -> None:
        self._width = width
        block_bytes = 4 * 4 * width * (MINUTE_S + 1)
        self.capacity = max(1, min(days * MINUTES, limit_bytes // block_bytes))
        self._slot = np.full(days * MINUTES, -1, np.int64)  # by key = day * 960 + minute
        self._owner = np.full(self.capacity, -1, np.int64)  # key by slot
        self._wanted = np.full(self.capacity, -1, np.int64)  # tick of the last (expected) use by slot
        self._tick = 0
        self._tables: Market | None = None
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

    def gather(self, key: Ints, offset: Ints, ahead: int, encode: Encode) -> Market | None:
        """Rows [B] of second `offset` (0-59) of the minutes `key`, [B] each.

        What is missing is encoded. As a call of the encoder for few blocks takes hardly less time than for many, it is
        filled up with the minutes that all rows need next if their clocks go on, up to `ahead` minutes from each.
        None if the rows touch more minutes than fit.
        """
        slots = self._slot[key]
        if slots.min() < 0:
            if not self._encode_missing(key, offset, ahead, encode):
                return None
            slots = self._slot[key]
        self._tick += 1
        self._wanted[slots] = self._tick
        assert self._tables is not None
        seconds, minutes = self._tables
        at = torch.from_numpy(np.stack([slots * MINUTE_S + offset, slots])).to(seconds.device, non_blocking=True)
        return Market(seconds.index_select(0, at[0]), minutes.index_select(0, at[1]))

    def _encode_missing(self, key: Ints, offset: Ints, ahead: int, encode: Encode) -> bool:
        keys, due = self._missing(key, offset, ahead)
        present = self._slot[key]
        in_use = np.unique(present[present >= 0])
        room, needed = self.capacity - len(in_use), int((due <= 0).sum())
        if needed > room:
            return False
        count = min(max(needed, ENCODE_AT_LEAST), room, len(keys))
        self._fill(keys[:count], due[:count], in_use, encode)
        return True

    def _missing(self, key: Ints, offset: Ints, ahead: int) -> tuple[Ints, Ints]:
        """Distinct minutes that are not stored, and in how many seconds they are first due (at most 0: now), in order.

        Those of `key` and the `ahead` minutes after each, within its day.
        """
        step = np.arange(ahead + 1)[:, None]
        keys = key + step  # [ahead + 1, B]
        absent = keys // MINUTES == key // MINUTES
        absent[absent] = self._slot[keys[absent]] < 0
        due = (MINUTE_S * step - offset)[absent]
        order = np.argsort(due, kind="stable")
        keys, due = keys[absent][order], due[order]
        first = np.sort(np.unique(keys, return_index=True)[1])
        return keys[first], due[first]

    def _fill(self, keys: Ints, due: Ints, in_use: Ints, encode: Encode) -> None:
        age = self._wanted.copy()
        age[in_use] = np.iinfo(np.int64).max
        slots = np.sort(np.argpartition(age, len(keys) - 1)[: len(keys)])
        dropped = self._owner[slots]
        self._slot[dropped[dropped >= 0]] = -1
        self._slot[keys], self._owner[slots] = slots, keys
        self._wanted[slots] = self._tick + np.maximum(0, due)
        for start in range(0, len(keys), ENCODE_AT_ONCE):
            part = slice(start, start + ENCODE_AT_ONCE)
            self._store(slots[part], encode(keys[part] // MINUTES, keys[part] % MINUTES))
        self.encoded += len(keys)

    def _store(self, slots: Ints, rows: Market) -> None:
        device = rows.seconds.device
        if self._tables is None or self._tables.seconds.device != device:
            # untouched pages of an empty tensor cost nothing on a CPU
            self._tables = Market(
                torch.empty(self.capacity * MINUTE_S, 4 * self._width, device=device),
                torch.empty(self.capacity, 4 * self._width, device=device),
            )
        at = torch.from_numpy(slots).to(device)
        self._tables.seconds.view(self.capacity, -1)[at] = rows.seconds.view(len(slots), -1)
        self._tables.minutes[at] = rows.minutes
