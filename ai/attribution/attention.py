"""What the network's attention looks at, averaged over decisions."""

from __future__ import annotations

import numpy as np
import torch

from ai.attribution.case import Decisions, Floats
from ai.fusion import MARKET_TOKENS, Token
from ai.policy import MarketPolicy
from metrics.explanation import Attention

_ROWS_OF_TIME = ("hf", "mf", "lf")


def attention(policy: MarketPolicy, decisions: Decisions, batch: int) -> tuple[dict[str, Attention], dict[str, float]]:
    """Summaries by hf, mf, lf and fusion, and the mean of every market token's gate. The policy reads by index."""
    parts: dict[str, list[Floats]] = {}
    for first in range(0, len(decisions.action), batch):
        rows = slice(first, first + batch)
        observation = {
            "index": torch.from_numpy(decisions.index[rows].astype(np.int32)),
            "portfolio": torch.from_numpy(decisions.portfolio[rows]).to(policy.device),
        }
        for name, values in policy.attention(observation).items():
            parts.setdefault(name, []).append(values.cpu().numpy())
    found = {name: np.concatenate(values) for name, values in parts.items()}
    gates = found.pop("gates").mean(0, dtype=np.float64).tolist()
    names = [token.name.lower() for token in list(Token)[:MARKET_TOKENS]]
    return {name: summary(w, timed=name in _ROWS_OF_TIME) for name, w in found.items()}, dict(
        zip(names, gates, strict=True)
    )


def summary(weights: Floats, *, timed: bool) -> Attention:
    """Of weights [n, heads, rows], oldest first.

    Entropy is a share of that of looking alike at every row that can be seen: a session that is not known has weight 0.
    """
    w = weights.astype(np.float64)
    seen = (w > 0).sum(2)
    logs = np.log(w, out=np.zeros_like(w), where=w > 0)
    entropy = -(w * logs).sum(2) / np.log(np.maximum(seen, 2))
    back = np.arange(w.shape[2])[::-1] if timed else np.zeros(w.shape[2])
    return Attention(w.mean(0).tolist(), entropy.mean(0).tolist(), (w @ back).mean(0).tolist())
