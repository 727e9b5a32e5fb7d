"""What the columns of the portfolio observation mean. They are no features of a day: the environment computes them from
the account at every step (`envs/step_kernels.py`), with these formulas, scales and bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

from feature.registry import LIMIT, Normalisation, identity
from simulators.layout import Portfolio

_AS_IT_IS = identity()


@dataclass(frozen=True, kw_only=True)
class PortfolioFeature:
    """One column; 0 while its formula has no meaning (flat, no order)."""

    column: Portfolio
    formula: str
    """The raw value, before normalisation. Values are liquidation values: longs at the bid, shorts at the ask."""
    units: str
    normalise: Normalisation = _AS_IT_IS
    """Clipped to [-LIMIT, LIMIT]."""
    low: float = -LIMIT
    """Least value after normalisation."""
    high: float = LIMIT
    """Greatest value after normalisation."""

    @property
    def name(self) -> str:
        """As in observations and attributions."""
        return self.column.name.lower()


PORTFOLIO = (
    PortfolioFeature(column=Portfolio.SIDE, formula="1 long, -1 short, 0 flat", units="1", low=-1.0, high=1.0),
    PortfolioFeature(column=Portfolio.EXPOSURE, formula="value of the position / equity", units="share of equity"),
    PortfolioFeature(
        column=Portfolio.UNREALISED,
        formula="open profit / cost of the position",
        units="share of the cost",
        normalise=identity(1 / 20),
    ),
    PortfolioFeature(
        column=Portfolio.TRADE_TIME,
        formula="ln(1 + seconds since the position was opened)",
        units="log seconds",
        normalise=identity(8.0),
        low=0.0,
        high=1.4,
    ),
    PortfolioFeature(
        column=Portfolio.MAE,
        formula="least open profit since the position was opened / its cost (maximum adverse excursion)",
        units="share of the cost",
        normalise=identity(1 / 20),
        high=0.0,
    ),
    PortfolioFeature(
        column=Portfolio.MFE,
        formula="greatest open profit since the position was opened / its cost (maximum favourable excursion)",
        units="share of the cost",
        normalise=identity(1 / 20),
        low=0.0,
    ),
    PortfolioFeature(column=Portfolio.CASH_SHARE, formula="cash / equity", units="share of equity"),
    PortfolioFeature(
        column=Portfolio.DRAWDOWN,
        formula="1 - equity / its highest value in the episode",
        units="share of equity",
        normalise=identity(1 / 10),
        low=0.0,
    ),
    PortfolioFeature(
        column=Portfolio.EPISODE_RETURN,
        formula="ln(equity / equity at the start of the episode): what was realised and what is open",
        units="log return",
        normalise=identity(1 / 10),
    ),
    PortfolioFeature(
        column=Portfolio.PENDING, formula="1 while an order is on its way or rests", units="mask", low=0.0, high=1.0
    ),
)
"""In the order of `Portfolio`."""
