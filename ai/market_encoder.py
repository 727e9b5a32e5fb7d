"""The network behind both observations: what is computed per second, per minute, per day, and per row."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from ai.feature_store import MINUTE_S, BranchSizes, Minutes
from ai.fusion import MARKET_TOKENS, Fusion, Token
from ai.normaliser import Normaliser, Rows
from ai.transformer import BandEncoder, DayEncoder
from config.schema import ModelConfig
from feature.feature_day import BRANCHES, HF_WINDOW, MF_WINDOW
from utils.errors import ConfigError


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

    def seconds(self, hf: Tensor, static: Tensor) -> Tensor:
        """hf [B, context + n, H], static [B, n, S] -> keys and values [B, n, 2, 2d] of the tokens HF and STATIC."""
        fast = self.fusion.market(self.hf(self.inputs["hf"](hf)), Token.HF)
        return torch.stack([fast, self._static(static)], 2)

    def minutes(self, mf: Tensor) -> Tensor:
        """mf [B, context + 1, M] -> [B, 2d] of the token MF."""
        return self.fusion.market(self.mf(self.inputs["mf"](mf))[:, 0], Token.MF)

    def days(self, lf: Tensor) -> Tensor:
        """lf [B, 30, L] -> [B, 2d] of the token LF."""
        return self.fusion.market(self.lf(self.inputs["lf"](lf)), Token.LF)

    def blocks(self, rows: Minutes) -> tuple[Tensor, Tensor]:
        """Whole minutes: [n * 60, 4d] per second (HF and STATIC) and [n, 2d] per minute (MF)."""
        seconds = self.seconds(rows.hf, rows.static)
        return seconds.view(len(rows.hf) * MINUTE_S, -1), self.minutes(rows.mf)

    def decide(self, seconds: Tensor, minutes: Tensor, days: Tensor, portfolio: Tensor) -> Tensor:
        """Gathered [B, 4d], [B, 2d], [B, 2d] and portfolio [B, P] -> features [B, d] of actor and critic."""
        return self.fusion(self.tokens(seconds, minutes, days), portfolio)

    def tokens(self, seconds: Tensor, minutes: Tensor, days: Tensor) -> Tensor:
        """The market tokens' keys and values [B, 4, 2d] in the order of `Token`."""
        wide = 2 * self.width
        return torch.cat([seconds[:, :wide], minutes, days, seconds[:, wide:]], 1).view(-1, MARKET_TOKENS, wide)

    def last_of_windows(self, hf: Tensor, mf: Tensor, lf: Tensor, static: Tensor) -> Tensor:
        """Tokens [B, 4, 2d] with every row of the windows taken through every layer (see `BandEncoder.last_of`)."""
        fast = self.fusion.market(self.hf.last_of(self.inputs["hf"](hf)), Token.HF)
        slow = self.fusion.market(self.mf.last_of(self.inputs["mf"](mf)), Token.MF)
        return torch.stack([fast, slow, self.days(lf), self._static(static)], 1)

    def fit_inputs(self, rows: Mapping[str, Rows]) -> None:
        """Fit the scales of the inputs to rows [n, features] of training days, by branch."""
        for branch in BRANCHES:
            module = self.inputs[branch]
            assert isinstance(module, Normaliser)
            module.fit(rows[branch])

    def _static(self, static: Tensor) -> Tensor:
        hidden = functional.gelu(self.static_in(self.inputs["static"](static)))
        return self.fusion.market(self.static_out(hidden), Token.STATIC)
