"""What is measured, and where the figures go."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import one_of, require


@dataclass
class RuleConfig:
    """The momentum trader by rule: values to choose from on training days, in all combinations."""

    entry: list[str] = MISSING  # high: above the high of the day | vwap: above the session's VWAP again
    lookback_s: list[int] = MISSING  # the level is so old
    surge: list[float] = MISSING  # least volume of the last minute, in mean minutes of the day so far
    stop: list[float] = MISSING  # share of the entry price
    target: list[float] = MISSING
    hold_s: list[int] = MISSING  # sold after so long

    def __post_init__(self) -> None:
        for name in ("entry", "lookback_s", "surge", "stop", "target", "hold_s"):
            require(len(getattr(self, name)) > 0, f"backtest.rule.{name} is empty; list at least one value")
        for entry in self.entry:
            one_of("backtest.rule.entry", entry, ("high", "vwap"))
        for seconds in (*self.lookback_s, *self.hold_s):
            require(seconds >= 1, "backtest.rule.lookback_s and hold_s are at least 1 second")
        for share in (*self.stop, *self.target):
            require(0 < share < 0.25, "backtest.rule.stop and target are shares in (0, 0.25)")


@dataclass
class BacktestConfig:
    """Which days, and against what."""

    days: str = MISSING  # ex_ante: triggered days from their trigger on | all | oracle: ex post momentum days, labelled
    oracle_quality: float = MISSING  # least quality of oracle-selected days
    date: str = MISSING  # one date or "first:last", empty: the held-out test split
    last_second: int = MISSING  # flat by then (57,600: the end of the post-market)
    random_draws: int = MISSING  # of random trading, on every day
    tune_days: int = MISSING  # training days on which baselines choose their parameters, at most
    rule: RuleConfig = MISSING
    model: str = MISSING  # v3, best, or a folder
    bootstrap_draws: int = MISSING

    def __post_init__(self) -> None:
        one_of("backtest.days", self.days, ("ex_ante", "all", "oracle"))
