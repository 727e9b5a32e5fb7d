"""Where the agent's own state meets the market: the portfolio asks, the branches answer."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

from config.schema import ModelConfig


class Token(IntEnum):
    """What the portfolio's query looks at."""

    HF = 0
    STATIC = 1
    MF = 2
    LF = 3
    PORTFOLIO = 4


MARKET_TOKENS = 4
"""Tokens that do not depend on the agent: their keys and values are computed once per second, minute or day."""
GATE_BIAS = 3.0
"""Initial logit of every gate: 95 % open, so that no branch has to be found first."""


class Fusion(nn.Module):
    """One multi-head attention with a single query (the portfolio) over five tokens, then a feed-forward layer.

    Each market token has a gate that it sets itself: how much of it is let in at all just now; a closed one says the
    same at all times. How much of that is asked for is up to the portfolio's query. So the gates belong to the market:
    `market` is shared by all rows of a second, and only `forward` runs per row.
    """

    def __init__(self, portfolio: int, model: ModelConfig) -> None:
        super().__init__()
        width, self.heads = model.d_model, model.heads
        self.portfolio = nn.Linear(portfolio, width)
        self.kind = nn.Parameter(0.02 * torch.randn(len(Token), width))
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.gate = nn.Linear(width, 1)
        self.out = nn.Linear(width, width)
        self.ffn_norm = nn.LayerNorm(width)
        self.ffn_in = nn.Linear(width, model.ffn)
        self.ffn_out = nn.Linear(model.ffn, width)
        self.last_norm = nn.LayerNorm(width)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, GATE_BIAS)

    def market(self, x: Tensor, first: Token) -> Tensor:
        """Vectors [..., t, d] of t tokens from `first` on -> their gated keys and values [..., t * 2d]."""
        y = self._normed(x, first)
        return self.key_value(y * self.gate(y).sigmoid()).flatten(-2)

    def gates(self, x: Tensor, first: Token) -> Tensor:
        """Of the same vectors: how far each gate is open, [..., t] in (0, 1)."""
        return self.gate(self._normed(x, first)).sigmoid().squeeze(-1)

    def _normed(self, x: Tensor, first: Token) -> Tensor:
        return self.norm(x + self.kind[first : first + x.shape[-2]])

    def forward(self, market: Sequence[Tensor], portfolio: Tensor) -> Tensor:
        """market: parts that make up [B, 8d], as `market` gave them, in the order of `Token`; portfolio [B, P].

        Features [B, d].
        """
        x, weights, values = self._attend(market, portfolio)
        a = (weights.unsqueeze(3) * values).sum(1).flatten(1)  # [B, d]
        x = x + self.out(a)
        return self.last_norm(x + self.ffn_out(functional.gelu(self.ffn_in(self.ffn_norm(x)))))

    def attention(self, market: Sequence[Tensor], portfolio: Tensor) -> Tensor:
        """Weights [B, heads, 5] over the tokens."""
        return self._attend(market, portfolio)[1].transpose(1, 2)

    def _attend(self, market: Sequence[Tensor], portfolio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Portfolio token [B, d], weights [B, 5, h], values [B, 5, h, d/h].

        Multiply and sum: for five keys that is faster than a call of scaled_dot_product_attention.
        """
        x = self.portfolio(portfolio)
        y = self.norm(x + self.kind[Token.PORTFOLIO])
        q = self.query(y).view(len(x), 1, self.heads, -1)
        k, v = torch.cat([*market, self.key_value(y)], 1).view(len(x), len(Token), 2, self.heads, -1).unbind(2)
        weights = ((q * k).sum(3) * q.shape[3] ** -0.5).softmax(1)
        return x, weights, v
