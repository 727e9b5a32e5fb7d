"""Encoders of the branches: causal sliding-window attention over time, full attention over previous days.

Queries shrink from layer to layer: to encode the last n tokens exactly, a layer needs the `band - 1` tokens in front
of them, no more. So one pass over a minute block (context in front) yields all its seconds, and a block of length one
is the path of a single window; both give the same numbers. Pre-norm layers (Xiong et al. 2020); distances enter as
fixed linear biases (ALiBi, Press et al. 2022), which are the same for every position and hence shift-invariant.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from config.schema import ModelConfig
from feature.feature_day import LF_WINDOW
from utils.errors import ConfigError

UNKNOWN = -1e9
"""Additive mask of a row without data: finite, so that a day without any known row stays free of NaN."""


class Layer(nn.Module):
    """One pre-norm transformer layer whose queries are the last tokens only."""

    def __init__(self, model: ModelConfig) -> None:
        super().__init__()
        width, self.heads = model.d_model, model.heads
        if width % self.heads:
            raise ConfigError(f"model.d_model ({width}) is not a multiple of model.heads ({self.heads})")
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.ffn_norm = nn.LayerNorm(width)
        self.ffn_in = nn.Linear(width, model.ffn)
        self.ffn_out = nn.Linear(model.ffn, width)

    def forward(self, x: Tensor, mask: Tensor, wanted: Tensor | None = None) -> Tensor:
        """x [B, T, d] -> [B, Q, d] for the last Q tokens, or for those at `wanted` [B, Q].

        mask is additive, [1 or B, 1 or heads, Q, T].
        """
        queries = mask.shape[2]
        q, k, v = self._project(x, queries, wanted)
        a = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # [B, h, Q, d/h]
        x = _rows(x, queries, wanted) + self.out(a.transpose(1, 2).flatten(2))
        return x + self.ffn_out(functional.gelu(self.ffn_in(self.ffn_norm(x))))

    def weights(self, x: Tensor, mask: Tensor) -> Tensor:
        """Attention weights [B, heads, Q, T] of the same call, computed openly."""
        q, k, _ = self._project(x, mask.shape[2], None)
        return ((q @ k.transpose(2, 3)) * q.shape[3] ** -0.5 + mask).softmax(3)

    def _project(self, x: Tensor, queries: int, wanted: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        y = self.norm(x)
        k, v = self.key_value(y).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)  # [B, h, T, d/h] each
        q = self.query(_rows(y, queries, wanted)).unflatten(2, (self.heads, -1)).transpose(1, 2)
        return q, k, v


def _rows(x: Tensor, count: int, wanted: Tensor | None) -> Tensor:
    """The last rows of x [B, T, d], or those at `wanted` [B, count]."""
    if wanted is None:
        return x[:, x.shape[1] - count :]
    return x.gather(1, wanted[:, :, None].expand(-1, -1, x.shape[2]))


class BandEncoder(nn.Module):
    """Causal attention in which a token sees the `band` latest tokens, itself included."""

    def __init__(self, columns: int, band: int, model: ModelConfig) -> None:
        super().__init__()
        self.band = band
        self.context = model.layers * (band - 1)
        """Tokens in front of the first that is wanted: together they are the receptive field minus one."""
        self.embed = nn.Linear(columns, model.d_model)
        self.layers = nn.ModuleList(Layer(model) for _ in range(model.layers))
        self.norm = nn.LayerNorm(model.d_model)
        heads = torch.arange(1, model.heads + 1)
        self.register_buffer("slopes", 0.5 * 2.0 ** (-8.0 * heads / model.heads), persistent=False)
        self._masks: dict[tuple[int, int], Tensor] = {}

    def forward(self, x: Tensor, wanted: Tensor | None = None) -> Tensor:
        """x [B, context + n, columns] -> [B, n, d], or [B, Q, d] of the tokens `wanted` [B, Q], each in [0, n).

        Of the last layer only what is wanted is worked out.
        """
        x = self.embed(x)
        for layer in self.layers[:-1]:
            x = layer(x, self._shrinking(x))
        mask = self._shrinking(x)
        if wanted is None:
            return self.norm(self.layers[-1](x, mask))
        chosen = mask[0].transpose(0, 1)[wanted].transpose(1, 2)  # [B, heads, Q, T]
        return self.norm(self.layers[-1](x, chosen, wanted + (self.band - 1)))

    def last_of(self, x: Tensor) -> Tensor:
        """x [B, T, columns] -> [B, d] of the last token, with every token taken through every layer.

        What a transformer without shrinking queries does: same result, several times the work. For comparison.
        """
        x = self.embed(x)
        tokens = x.shape[1]
        for layer in self.layers:
            x = layer(x, self._mask(tokens, tokens))
        return self.norm(x[:, -1])

    def attention(self, x: Tensor) -> Tensor:
        """Weights [B, heads, band] with which the last layer's last token looks at the latest tokens, oldest first.

        x is [B, context + 1, columns].
        """
        x = self.embed(x)
        for layer in self.layers[:-1]:
            x = layer(x, self._shrinking(x))
        last = self.layers[-1]
        assert isinstance(last, Layer)
        return last.weights(x, self._shrinking(x))[:, :, 0]

    def _shrinking(self, x: Tensor) -> Tensor:
        """The mask of a layer whose queries are all tokens of x that have a whole band."""
        tokens = x.shape[1]
        return self._mask(tokens - (self.band - 1), tokens)

    def _mask(self, queries: int, tokens: int) -> Tensor:
        """Additive mask [1, heads, queries, tokens]; four dimensions, as a three-dimensional one is slow on a CPU."""
        slopes = self.get_buffer("slopes")
        known = self._masks.get((queries, tokens))
        if known is None or known.device != slopes.device:
            row = torch.arange(tokens - queries, tokens, device=slopes.device)
            distance = row[:, None] - torch.arange(tokens, device=slopes.device)[None]
            hidden = (distance < 0) | (distance >= self.band)
            known = (-slopes[:, None, None] * distance).masked_fill(hidden, float("-inf"))[None]
            self._masks[queries, tokens] = known
        return known


class DayEncoder(nn.Module):
    """Previous sessions: learned positions, attention among the known rows, their mean.

    A row of zeros is a session that is not known (a young listing, no daily file): it is not looked at and does not
    enter the mean. Without any known row the token is a learned constant.
    """

    def __init__(self, columns: int, model: ModelConfig) -> None:
        super().__init__()
        self.embed = nn.Linear(columns, model.d_model)
        self.position = nn.Parameter(0.02 * torch.randn(LF_WINDOW, model.d_model))
        self.layers = nn.ModuleList(Layer(model) for _ in range(model.layers))
        self.norm = nn.LayerNorm(model.d_model)

    def forward(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """x [B, 30, columns], oldest first -> [B, d].

        known [B, 30] bool: which sessions are; told by whoever changes x but not what is known (attribution).
        """
        known, mask = self._known((x != 0).any(2) if known is None else known, x)
        x = self.embed(x) + self.position
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm((x * known).sum(1) / known.sum(1).clamp(min=1))

    def attention(self, x: Tensor) -> Tensor:
        """Weights [B, heads, 30] of the last layer, averaged over the known rows that look."""
        known, mask = self._known((x != 0).any(2), x)
        x = self.embed(x) + self.position
        for layer in self.layers[:-1]:
            x = layer(x, mask)
        last = self.layers[-1]
        assert isinstance(last, Layer)
        weights = last.weights(x, mask)  # [B, h, 30, 30]
        lookers = (known / known.sum(1, keepdim=True).clamp(min=1))[:, None]  # [B, 1, 30, 1]
        return (weights * lookers).sum(2)

    @staticmethod
    def _known(known: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """known [B, 30] -> [B, 30, 1] of 0 and 1, and the additive mask [B, 1, 30, 30]."""
        mask = torch.zeros_like(x[:, :, 0]).masked_fill(~known, UNKNOWN)[:, None, None]
        return known[:, :, None].to(x.dtype), mask.expand(-1, 1, LF_WINDOW, -1)
