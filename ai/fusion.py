"""Where the agent's own state meets the market: the portfolio asks, the branches answer."""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor, nn
from torch.nn import functional

from config.schema import ModelConfig


class Token(IntEnum):
    """What the portfolio's query looks at."""

    HF = 0
    MF = 1
    LF = 2
    STATIC = 3
    PORTFOLIO = 4


MARKET_TOKENS = 4
"""Tokens that do not depend on the agent: their keys and values are computed once per second, minute or day."""


class Fusion(nn.Module):
    """One multi-head attention with a single query (the portfolio) over five tokens, then a feed-forward layer.

    `market` is exogenous and shared by all rows of a second; only `forward` runs per row.
    """

    def __init__(self, portfolio: int, model: ModelConfig) -> None:
        super().__init__()
        width, self.heads = model.d_model, model.heads
        self.portfolio = nn.Linear(portfolio, width)
        self.kind = nn.Parameter(0.02 * torch.randn(len(Token), width))
        self.norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.ffn_norm = nn.LayerNorm(width)
        self.ffn_in = nn.Linear(width, model.ffn)
        self.ffn_out = nn.Linear(model.ffn, width)
        self.last_norm = nn.LayerNorm(width)

    def market(self, x: Tensor, token: Token) -> Tensor:
        """Token vectors [..., d] -> keys and values [..., 2d]."""
        return self.key_value(self.norm(x + self.kind[token]))

    def forward(self, market: Tensor, portfolio: Tensor) -> Tensor:
        """market [B, 4, 2d] in the order of `Token`, portfolio [B, P] -> features [B, d]."""
        x, weights, values = self._attend(market, portfolio)
        a = (weights.unsqueeze(3) * values).sum(1).flatten(1)  # [B, d]
        x = x + self.out(a)
        return self.last_norm(x + self.ffn_out(functional.gelu(self.ffn_in(self.ffn_norm(x)))))

    def attention(self, market: Tensor, portfolio: Tensor) -> Tensor:
        """Weights [B, heads, 5] over the tokens."""
        return self._attend(market, portfolio)[1].transpose(1, 2)

    def _attend(self, market: Tensor, portfolio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Portfolio token [B, d], weights [B, 5, h], values [B, 5, h, d/h].

        Multiply and sum: for five keys that is faster than a call of scaled_dot_product_attention.
        """
        x = self.portfolio(portfolio)
        y = self.norm(x + self.kind[Token.PORTFOLIO])
        q = self.query(y).view(len(x), 1, self.heads, -1)
        kv = torch.cat([market, self.key_value(y)[:, None]], 1)
        k, v = kv.view(len(x), len(Token), 2, self.heads, -1).unbind(2)
        weights = ((q * k).sum(3) * q.shape[3] ** -0.5).softmax(1)
        return x, weights, v
