"""Feature extractors for stable-baselines3: index observations while training, windows in the public environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor
from torch.nn import functional

from ai.block_cache import BlockCache, Encode
from ai.feature_store import MINUTE_S, BranchSizes, Ints, Minutes, find_store
from ai.market_encoder import MarketEncoder
from config.schema import ModelConfig
from data.layout import MINUTES

Observation = dict[str, Tensor]


class BlockExtractor(BaseFeaturesExtractor):
    """Observation `index` [B, 2] (day, second) and `portfolio` [B, P]: each distinct minute is encoded once.

    With gradients the distinct minutes of the batch are encoded and gathered. Without (rollouts, evaluation) they are
    kept in a bounded cache until the weights may change: `train(True)` and loading empty it. Any other change of the
    weights must call `forget`. Rows may come in any order; the order decides about the speed only.
    """

    def __init__(self, observation_space: spaces.Dict, store: str, model: ModelConfig, ahead: int, cache_bytes: int):
        """store: key of a living TensorStore; ahead: minutes encoded in advance when one is missing in the cache."""
        super().__init__(observation_space, model.d_model)
        self._store = find_store(store)
        self._ahead = ahead
        self.encoder = MarketEncoder(self._store.sizes, _columns(observation_space, "portfolio"), model)
        self.cache = BlockCache(len(self._store), model.d_model, cache_bytes)
        self._day_known = np.zeros(len(self._store), np.bool_)
        self._day_rows: Tensor | None = None  # [days, 2d]

    def forward(self, observation: Observation) -> Tensor:
        """Features [B, d]."""
        return self.encoder.decide(*self._gather(observation), observation["portfolio"])

    def attention(self, observation: Observation) -> Tensor:
        """Weights [B, heads, 5] of the portfolio's query over the tokens (see `ai.fusion.Token`)."""
        tokens = self.encoder.tokens(*self._gather(observation))
        return self.encoder.fusion.attention(tokens, observation["portfolio"])

    def fit_inputs(self) -> None:
        """Fit the scales of the inputs to the store's days."""
        self.encoder.fit_inputs(self._store.sample())
        self.forget()

    def forget(self) -> None:
        """Empty the cache: the weights have changed."""
        self.cache.clear()
        self._day_known.fill(False)

    def train(self, mode: bool = True) -> BlockExtractor:
        """Fused optimisers change weights without a trace, so going to training mode is what empties the cache."""
        if mode:
            self.forget()
        super().train(mode)
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self.forget()

    def _gather(self, observation: Observation) -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values of the market tokens: [B, 4d], [B, 2d], [B, 2d]."""
        # float32 in, as stable-baselines3 casts every observation; days and seconds are far below 2 ** 24
        index: Ints = observation["index"].detach().cpu().numpy().astype(np.int64)
        day, second = index[:, 0], index[:, 1]
        key, offset = day * MINUTES + second // MINUTE_S, second % MINUTE_S
        if not self.training and not torch.is_grad_enabled():
            rows = self.cache.gather(key, offset, self._ahead, self._encode_checked)
            if rows is not None:
                return *rows, self._cached_days(day)
        return self._encode_rows(day, key, offset, self._encode)

    def _encode_rows(self, day: Ints, key: Ints, offset: Ints, encode: Encode) -> tuple[Tensor, Tensor, Tensor]:
        distinct, block = np.unique(key, return_inverse=True)
        seconds, minutes = encode(distinct // MINUTES, distinct % MINUTES)
        # functional.embedding rather than indexing: its backward pass is three times faster
        rows = functional.embedding(self._tensor(block * MINUTE_S + offset), seconds)
        distinct_day, at = np.unique(day, return_inverse=True)
        days = self.encoder.days(self._to_device(self._store.daily(distinct_day)))
        return rows, functional.embedding(self._tensor(block), minutes), functional.embedding(self._tensor(at), days)

    def _encode(self, day: Ints, minute: Ints) -> tuple[Tensor, Tensor]:
        return self.encoder.blocks(Minutes(*map(self._to_device, self._read(day, minute))))

    def _encode_checked(self, day: Ints, minute: Ints) -> tuple[Tensor, Tensor]:
        """As `_encode`; every block comes by here in a rollout before it is trained on, so bad data stops here."""
        rows = self._read(day, minute)
        self._store.require_finite(day, minute, rows)
        return self.encoder.blocks(Minutes(*map(self._to_device, rows)))

    def _read(self, day: Ints, minute: Ints) -> Minutes:
        return self._store.minutes(day, minute, self.encoder.hf.context, self.encoder.mf.context)

    def _cached_days(self, day: Ints) -> Tensor:
        at = self._tensor(day)
        if not self._day_known[day].all():
            new = np.unique(day[~self._day_known[day]])
            encoded = self.encoder.days(self._to_device(self._store.daily(new)))
            if self._day_rows is None or self._day_rows.device != encoded.device:
                self._day_rows = torch.empty(len(self._store), encoded.shape[1], device=encoded.device)
            self._day_rows[self._tensor(new)] = encoded
            self._day_known[new] = True
        assert self._day_rows is not None
        return self._day_rows[at]

    def _tensor(self, values: Ints) -> Tensor:
        return self._to_device(torch.from_numpy(values))

    def _to_device(self, values: Tensor) -> Tensor:
        return values.to(self.encoder.fusion.kind.device)


class WindowExtractor(BaseFeaturesExtractor):
    """Observation `hf` [B, 60, H], `mf` [B, 30, M], `lf` [B, 30, L], `static` [B, S], `portfolio` [B, P].

    Same weights and same results as `BlockExtractor`. `every_token` takes all rows of the windows through all layers,
    as a transformer that knows nothing of shrinking queries does: the yardstick of the benchmark.
    """

    def __init__(self, observation_space: spaces.Dict, model: ModelConfig, every_token: bool):
        super().__init__(observation_space, model.d_model)
        sizes = BranchSizes(*(_columns(observation_space, branch) for branch in BranchSizes._fields))
        self.encoder = MarketEncoder(sizes, _columns(observation_space, "portfolio"), model)
        self._every_token = every_token

    def forward(self, observation: Observation) -> Tensor:
        """Features [B, d]."""
        return self.encoder.fusion(self._tokens(observation), observation["portfolio"])

    def attention(self, observation: Observation) -> Observation:
        """Attention weights by name.

        fusion [B, heads, 5] over the tokens (see `ai.fusion.Token`); hf [B, heads, hf_band] and mf [B, heads, mf_band]
        of the last layer's last token over the latest rows, lf [B, heads, 30]; each oldest row first.
        """
        encoder = self.encoder
        return {
            "fusion": encoder.fusion.attention(self._tokens(observation), observation["portfolio"]),
            "hf": encoder.hf.attention(encoder.inputs["hf"](_last(observation["hf"], encoder.hf.context + 1))),
            "mf": encoder.mf.attention(encoder.inputs["mf"](_last(observation["mf"], encoder.mf.context + 1))),
            "lf": encoder.lf.attention(encoder.inputs["lf"](observation["lf"])),
        }

    def _tokens(self, observation: Observation) -> Tensor:
        """[B, 4, 2d]"""
        encoder, lf, static = self.encoder, observation["lf"], observation["static"]
        if self._every_token:
            return encoder.last_of_windows(observation["hf"], observation["mf"], lf, static)
        seconds = encoder.seconds(_last(observation["hf"], encoder.hf.context + 1), static[:, None])
        minutes = encoder.minutes(_last(observation["mf"], encoder.mf.context + 1))
        return encoder.tokens(seconds.flatten(1), minutes, encoder.days(lf))


def _last(rows: Tensor, count: int) -> Tensor:
    return rows[:, rows.shape[1] - count :]


def _columns(space: spaces.Dict, name: str) -> int:
    shape = space[name].shape
    assert shape is not None
    return shape[-1]
