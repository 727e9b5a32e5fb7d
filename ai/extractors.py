"""Feature extractors for stable-baselines3: index observations while training, windows in the public environment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor
from torch.nn import functional

from ai.block_cache import BlockCache
from ai.feature_store import MINUTE_S, BranchSizes, Ints, Minutes, Windows, find_store
from ai.market_encoder import Market, MarketEncoder, Recent
from config.schema import ModelConfig
from data.layout import MINUTES

Observation = dict[str, Tensor]

MOST_WANTED = 40
"""Seconds of a minute up to which choosing them is faster than encoding all sixty."""


class DistinctSeconds(NamedTuple):
    """What a batch of rows needs to be encoded once."""

    minutes: Ints  # [n] distinct keys
    wanted: Ints | None  # [n, Q] seconds of each minute, repeated where it needs fewer; None: all sixty
    at: Ints  # [2, B] where each row's second and its minute are found in what is encoded


def distinct_seconds(key: Ints, offset: Ints) -> DistinctSeconds:
    """The minutes `key` and within them the seconds `offset` (0-59) that rows [B] name."""
    second, row = np.unique(key * MINUTE_S + offset, return_inverse=True)
    minutes, first, block, count = np.unique(
        second // MINUTE_S, return_index=True, return_inverse=True, return_counts=True
    )
    most = int(count.max())
    if most > MOST_WANTED:
        return DistinctSeconds(minutes, None, np.stack([block[row] * MINUTE_S + offset, block[row]]))
    place = np.arange(len(second)) - first[block]  # of each second among those of its minute
    wanted = np.repeat((second[first] % MINUTE_S)[:, None], most, axis=1)
    wanted[block, place] = second % MINUTE_S
    return DistinctSeconds(minutes, wanted, np.stack([block[row] * most + place[row], block[row]]))


class RememberingExtractor(BaseFeaturesExtractor, ABC):
    """Keeps encodings while the weights stand still: going to training mode and loading `forget` them.

    Any other change of the weights must call `forget`.
    """

    @abstractmethod
    def forget(self) -> None:
        """Drop every encoding: the weights have changed."""

    def train(self, mode: bool = True) -> Self:
        """Fused optimisers change weights without a trace, so going to training mode is what empties the cache."""
        if mode:
            self.forget()
        return super().train(mode)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.forget()


class BlockExtractor(RememberingExtractor):
    """Observation `index` [B, 2] (day, second) and `portfolio` [B, P]: each distinct minute is encoded once.

    With gradients the distinct minutes of the batch are encoded and gathered. Without (rollouts, evaluation) they are
    kept in a bounded cache until the weights may change: `train(True)` and loading empty it. Any other change of the
    weights must call `forget`. Rows may come in any order; the order decides about the speed only. `index` is looked
    up on the host: there it costs nothing to leave it on the CPU when the network is elsewhere.
    """

    def __init__(self, observation_space: spaces.Dict, store: str, model: ModelConfig, ahead: int, cache_bytes: int):
        """store: key of a living TensorStore; ahead: how many minutes may be encoded before they are needed."""
        super().__init__(observation_space, model.d_model)
        self._store = find_store(store)
        self._ahead = ahead
        self.encoder = MarketEncoder(self._store.sizes, _columns(observation_space, "portfolio"), model)
        self.cache = BlockCache(len(self._store), model.d_model, cache_bytes)
        self._day_known = np.zeros(len(self._store), np.bool_)
        self._day_rows: Tensor | None = None  # [days, 2d]

    def forward(self, observation: Observation) -> Tensor:
        """Features [B, d]."""
        return self.encoder.decide(self._market(_index(observation)), observation["portfolio"])

    def attention(self, observation: Observation) -> Observation:
        """Weights and gates by name (see `MarketEncoder.attention`), of any rows; nothing is taken from the cache."""
        day, second = _index(observation).T
        windows = Windows(*map(self._to_device, self._store.windows(day, second)))
        return self.encoder.attention(windows, observation["portfolio"])

    def fit_inputs(self) -> None:
        """Fit the scales of the inputs to the store's days."""
        self.encoder.fit_inputs(self._store.sample())
        self.forget()

    def forget(self) -> None:
        """Empty the cache: the weights have changed."""
        self.cache.clear()
        self._day_known.fill(False)

    def _market(self, index: Ints) -> Market:
        """Rows [B] of the market at `index` [B, 2]."""
        day, second = index[:, 0], index[:, 1]
        key, offset = day * MINUTES + second // MINUTE_S, second % MINUTE_S
        if not self.training and not torch.is_grad_enabled():
            rows = self.cache.gather(key, offset, self._ahead, self._encode_to_keep)
            if rows is not None:
                return rows
        batch = distinct_seconds(key, offset)
        seconds, minutes = self._encode(*np.divmod(batch.minutes, MINUTES), batch.wanted)
        # functional.embedding rather than indexing: its backward pass is three times faster
        at = self._tensor(batch.at)
        return Market(functional.embedding(at[0], seconds), functional.embedding(at[1], minutes))

    def _encode(self, day: Ints, minute: Ints, wanted: Ints | None) -> Market:
        distinct, at = np.unique(day, return_inverse=True)
        days = functional.embedding(self._tensor(at), self.encoder.days(self._to_device(self._store.daily(distinct))))
        rows = self._on_device(self._read(day, minute))
        return self.encoder.blocks(rows, days, None if wanted is None else self._tensor(wanted))

    def _encode_to_keep(self, day: Ints, minute: Ints) -> Market:
        """As `_encode`, each day once; every block comes by here in a rollout before it is trained on, so bad data
        stops here.
        """
        rows = self._read(day, minute)
        self._store.require_finite(day, minute, rows)
        return self.encoder.blocks(self._on_device(rows), self._cached_days(day))

    def _read(self, day: Ints, minute: Ints) -> Minutes:
        return self._store.minutes(day, minute, self.encoder.hf.context, self.encoder.mf.context)

    def _on_device(self, rows: Minutes) -> Minutes:
        return Minutes(*map(self._to_device, rows))

    def _cached_days(self, day: Ints) -> Tensor:
        if not self._day_known[day].all():
            new = np.unique(day[~self._day_known[day]])
            encoded = self.encoder.days(self._to_device(self._store.daily(new)))
            if self._day_rows is None or self._day_rows.device != encoded.device:
                self._day_rows = torch.empty(len(self._store), encoded.shape[1], device=encoded.device)
            self._day_rows[self._tensor(new)] = encoded
            self._day_known[new] = True
        assert self._day_rows is not None
        return self._day_rows[self._tensor(day)]

    def _tensor(self, values: Ints) -> Tensor:
        return self._to_device(torch.from_numpy(values))

    def _to_device(self, values: Tensor) -> Tensor:
        return values.to(self.encoder.fusion.kind.device, non_blocking=True)


class WindowExtractor(RememberingExtractor):
    """Observation `hf` [B, 60, H], `mf` [B, 30, M], `lf` [B, 30, L], `static` [B, S], `portfolio` [B, P].

    Same weights and same results as `BlockExtractor`. Without gradients the minutes and the previous days are encoded
    only where they are not those of the last call: a live feed brings new ones once a minute and once a day. `forget`
    is as there. `every_token` takes all rows of the windows through all layers, as a transformer that knows nothing of
    shrinking queries does: the yardstick of the benchmark.
    """

    def __init__(self, observation_space: spaces.Dict, model: ModelConfig, every_token: bool):
        super().__init__(observation_space, model.d_model)
        sizes = BranchSizes(*(_columns(observation_space, branch) for branch in BranchSizes._fields))
        self.encoder = MarketEncoder(sizes, _columns(observation_space, "portfolio"), model)
        self._every_token = every_token
        self._recent = Recent()

    def forward(self, observation: Observation) -> Tensor:
        """Features [B, d]."""
        windows = _windows(observation)
        if self._every_token:
            market = self.encoder.windows_in_full(windows)
        else:
            learning = self.training or torch.is_grad_enabled()
            market = self.encoder.windows(windows, None if learning else self._recent)
        return self.encoder.decide(market, observation["portfolio"])

    def attention(self, observation: Observation) -> Observation:
        """Weights and gates by name (see `MarketEncoder.attention`)."""
        return self.encoder.attention(_windows(observation), observation["portfolio"])

    def forget(self) -> None:
        """The weights have changed."""
        self._recent.clear()


def _index(observation: Observation) -> Ints:
    """[B, 2]; whole numbers even where stable-baselines3 made floats of them: far below 2 ** 24, hence exact."""
    return observation["index"].detach().cpu().numpy().astype(np.int64)


def _windows(observation: Observation) -> Windows:
    return Windows(*(observation[branch] for branch in Windows._fields))


def _columns(space: spaces.Dict, name: str) -> int:
    shape = space[name].shape
    assert shape is not None
    return shape[-1]
