"""The network behind both observations: what is computed per second, per minute, per day, and per row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ai.feature_store import BranchSizes, Minutes, Windows
from ai.fusion import MARKET_TOKENS, Fusion, Token
from ai.normaliser import Normaliser, Rows
from ai.transformer import BandEncoder, DayEncoder
from config.schema import ModelConfig
from feature.feature_day import BRANCHES, HF_WINDOW, MF_WINDOW
from utils.errors import ConfigError


class Market(NamedTuple):
    """Keys and values of the market's tokens, in the order of `ai.fusion.Token`; rows are seconds or decisions."""

    seconds: Tensor  # [n, 4d] HF and STATIC
    minutes: Tensor  # [n, 4d] MF and LF


class Recent:
    """Encodings of the latest windows of the slow branches: from second to second they mostly stay the same.

    Whoever keeps one clears it when the weights change.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Tensor, Tensor]] = {}

    def get(self, branch: str, x: Tensor, encode: Callable[[Tensor], Tensor]) -> Tensor:
        """`encode(x)`, which is only worked out if `x` is not what came last."""
        known = self._known.get(branch)
        if known is None or known[0].device != x.device or not torch.equal(known[0], x):
            known = self._known[branch] = (x.clone(), encode(x))
        return known[1]

    def clear(self) -> None:
        """Forget everything."""
        self._known.clear()


class MarketEncoder(nn.Module):
    """Branches `hf` and `mf` (causal bands), `lf` (previous days), `static` (per second) and their fusion.

    Everything but `decide` depends on the market alone, so it is worked out once per second, minute or day and shared
    by all lanes, epochs and steps that touch them. `width` is the model's d.
    """

    def __init__(self, sizes: BranchSizes, portfolio: int, model: ModelConfig) -> None:
        """Raises ConfigError if the receptive field does not fit into the windows of the public observation."""
        super().__init__()
        self.width = model.d_model
        self.inputs = nn.ModuleDict({branch: Normaliser(getattr(sizes, branch)) for branch in BRANCHES})
        self.hf = BandEncoder(sizes.hf, model.hf_band, model)
        self.mf = BandEncoder(sizes.mf, model.mf_band, model)
        self.lf = DayEncoder(sizes.lf, model)
        self.static_in = nn.Linear(sizes.static, model.d_model)
        self.static_out = nn.Linear(model.d_model, model.d_model)
        self.fusion = Fusion(portfolio, model)
        for name, encoder, window in (("hf", self.hf, HF_WINDOW), ("mf", self.mf, MF_WINDOW)):
            if encoder.context + 1 > window:
                raise ConfigError(
                    f"model.{name}_band {encoder.band} with {model.layers} layers looks back "
                    f"{encoder.context + 1} rows, the observation has {window}",
                    fix=f"model.{name}_band={(window - 1) // model.layers + 1} or fewer layers",
                )

    def days(self, lf: Tensor) -> Tensor:
        """lf [B, 30, L] -> [B, 2d] of the token LF."""
        return self.fusion.market(self._days(lf)[:, None], Token.LF)

    def blocks(self, rows: Minutes, days: Tensor, wanted: Tensor | None = None) -> Market:
        """Minutes; days [n, 2d] of each. `Market.seconds` has n * 60 rows, `Market.minutes` n.

        wanted [n, Q]: seconds of each minute (0-59) to encode; `Market.seconds` then has n * Q rows.
        """
        static = rows.static
        if wanted is not None:
            static = static.gather(1, wanted[:, :, None].expand(-1, -1, static.shape[2]))
        now = torch.stack([self.hf(self.inputs["hf"](rows.hf), wanted), self._static(static)], 2)  # [n, 60 or Q, 2, d]
        slow = self._minutes(rows.mf)[:, None]
        return Market(
            self.fusion.market(now, Token.HF).flatten(0, 1),
            torch.cat([self.fusion.market(slow, Token.MF), days], 1),
        )

    def windows(self, windows: Windows, recent: Recent | None = None) -> Market:
        """The market as it was seen at one second per row; recent: of the last call, with the same weights."""
        return self._market(self._vectors(windows, recent))

    def windows_in_full(self, windows: Windows) -> Market:
        """The same with every row of the windows taken through every layer (see `BandEncoder.last_of`)."""
        hf = self.hf.last_of(self.inputs["hf"](windows.hf))
        mf = self.mf.last_of(self.inputs["mf"](windows.mf))
        return self._market(torch.stack([hf, self._static(windows.static), mf, self._days(windows.lf)], 1))

    def decide(self, market: Market, portfolio: Tensor) -> Tensor:
        """Rows [B] of the market and portfolio [B, P] -> features [B, d] of actor and critic."""
        return self.fusion(market, portfolio)

    def scaled(self, windows: Windows) -> Windows:
        """What the last token sees of the windows, after the fitted scales; hf and mf have context + 1 rows."""
        hf, mf = self._last_rows(windows)
        seen = Windows(hf, mf, windows.lf, windows.static)
        return Windows(*(self.inputs[branch](rows) for branch, rows in zip(Windows._fields, seen, strict=True)))

    def of_scaled(self, scaled: Windows, known: Tensor | None = None) -> Tensor:
        """Vectors [B, 4, d] of the market tokens, in their order; known [B, 30]: as in `DayEncoder.forward`."""
        branches = [token.name.lower() for token in list(Token)[:MARKET_TOKENS]]
        return torch.stack([self.token_of_scaled(name, getattr(scaled, name), known) for name in branches], 1)

    def token_of_scaled(self, branch: str, rows: Tensor, known: Tensor | None = None) -> Tensor:
        """One of those vectors [B, d], of the branch's rows."""
        if branch == "static":
            return self._static_of_scaled(rows)
        return self.lf(rows, known) if branch == "lf" else (self.hf if branch == "hf" else self.mf)(rows)[:, 0]

    def decide_vectors(self, vectors: Tensor, portfolio: Tensor) -> Tensor:
        """Vectors [B, 4, d] of the market tokens and portfolio [B, P] -> features [B, d]."""
        return self.decide(self._market(vectors), portfolio)

    def attention(self, windows: Windows, portfolio: Tensor) -> dict[str, Tensor]:
        """What decisions look at, by name; rows of a window are the oldest first.

        `fusion` [B, heads, 5]: the portfolio's query over the tokens (see `ai.fusion.Token`); `gates` [B, 4]: how far
        each market token's gate is open; `hf` [B, heads, hf_band], `mf` [B, heads, mf_band]: the last layer's last
        token over the latest rows; `lf` [B, heads, 30].
        """
        vectors = self._vectors(windows)
        hf, mf = self._last_rows(windows)
        return {
            "fusion": self.fusion.attention(self._market(vectors), portfolio),
            "gates": self.fusion.gates(vectors, Token.HF),
            "hf": self.hf.attention(self.inputs["hf"](hf)),
            "mf": self.mf.attention(self.inputs["mf"](mf)),
            "lf": self.lf.attention(self.inputs["lf"](windows.lf)),
        }

    def fit_inputs(self, rows: Mapping[str, Rows]) -> None:
        """Fit the scales of the inputs to rows [n, features] of training days, by branch."""
        for branch in BRANCHES:
            module = self.inputs[branch]
            assert isinstance(module, Normaliser)
            module.fit(rows[branch])

    def _market(self, vectors: Tensor) -> Market:
        """Vectors [B, 4, d] of the market tokens."""
        return Market(*self.fusion.market(vectors, Token.HF).chunk(2, 1))

    def _vectors(self, windows: Windows, recent: Recent | None = None) -> Tensor:
        hf, mf = self._last_rows(windows)
        fast = self.hf(self.inputs["hf"](hf))[:, 0]
        if recent is None:
            slow, days = self._minutes(mf), self._days(windows.lf)
        else:
            slow, days = recent.get("mf", mf, self._minutes), recent.get("lf", windows.lf, self._days)
        return torch.stack([fast, self._static(windows.static), slow, days], 1)  # in the order of Token

    def _last_rows(self, windows: Windows) -> tuple[Tensor, Tensor]:
        """The rows of hf and mf that the last token can see."""
        return windows.hf[:, -self.hf.context - 1 :], windows.mf[:, -self.mf.context - 1 :]

    def _minutes(self, mf: Tensor) -> Tensor:
        """mf [B, context + 1, M] -> [B, d]."""
        return self.mf(self.inputs["mf"](mf))[:, 0]

    def _days(self, lf: Tensor) -> Tensor:
        """lf [B, 30, L] -> [B, d]."""
        return self.lf(self.inputs["lf"](lf))

    def _static(self, static: Tensor) -> Tensor:
        """static [..., S] -> [..., d]."""
        return self._static_of_scaled(self.inputs["static"](static))

    def _static_of_scaled(self, static: Tensor) -> Tensor:
        return self.static_out(functional.gelu(self.static_in(static)))
