"""Which days are momentum days, and where in them episodes may start."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import require


@dataclass
class TriggerConfig:
    """The ex-ante trigger: what a live scanner could know at that minute."""

    min_gain: float = MISSING  # last trade over the previous close, as a fraction: the gap as it then stands
    min_price: float = MISSING  # of the last trade, dollars as printed that day
    max_price: float = MISSING
    min_dollar_volume: float = MISSING  # since 04:00
    min_rvol: float = MISSING  # volume since 04:00 against its mean by the same minute
    max_float: float = MISSING  # shares, as public on that morning; 0: any. Days of unknown float are kept and flagged


@dataclass
class QualityTerm:
    """weight * clip(ln(x / low) / ln(high / low), 0, 1)"""

    weight: float = MISSING
    low: float = MISSING
    high: float = MISSING

    def __post_init__(self) -> None:
        require(
            0 < self.low < self.high, f"scanner.quality: low {self.low} and high {self.high} must be 0 < low < high"
        )


@dataclass
class QualityConfig:
    """The ex-post quality in [0, 1]: chooses training days only."""

    range: QualityTerm = MISSING
    rvol: QualityTerm = MISSING
    dollar_volume: QualityTerm = MISSING
    trend: QualityTerm = MISSING  # linear: clip((x - low) / (high - low), 0, 1)
    halts_weight: float = MISSING
    spread_weight: float = MISSING
    spread_cap_bps: float = MISSING


@dataclass
class PatternConfig:
    """When a pattern counts; seconds, and returns as ratios."""

    base_s: int = MISSING  # a high of the day must have stood that long before its break counts
    hold_s: int = MISSING  # time on the other side before crossing VWAP (or the premarket high again) counts
    flush_s: int = MISSING
    flush_return: float = MISSING  # drop over flush_s: the larger of this and flush_sigmas
    flush_sigmas: float = MISSING  # of one-minute returns
    narrow_s: int = MISSING  # consolidation: range over narrow_s at most narrow_ratio of the range over wide_s
    wide_s: int = MISSING
    narrow_ratio: float = MISSING
    narrow_active: float = MISSING  # share of the narrow seconds that must have a trade
    wide_return: float = MISSING  # least wide range as a share of the price
    top_s: int = MISSING  # parabolic top: climb of top_rise within top_s, of which top_give_back is lost again
    top_rise: float = MISSING
    top_give_back: float = MISSING
    leg_rise: float = MISSING  # first pullback: leg_give_back of a leg up of leg_rise is lost
    leg_give_back: float = MISSING


@dataclass
class ResetPointConfig:
    """Reset points of a day."""

    per_day: int = MISSING
    min_distance_s: int = MISSING
    per_kind: int = MISSING
    random_share: float = MISSING
    seed: int = MISSING  # of the choice among the found ones
    patterns: PatternConfig = MISSING

    def __post_init__(self) -> None:
        require(0 <= self.random_share <= 1, f"scanner.reset.random_share is {self.random_share}; use 0 to 1")


@dataclass
class ScannerConfig:
    """Two stages: daily bars choose candidates, timelines judge them."""

    candidate_min_range: float = MISSING  # (high - low) / previous close of the daily bar
    candidate_min_rvol: float = MISSING  # daily volume against its 20-day mean
    quarantine_gap: float = MISSING  # gaps at least this large without supporting volume are taken for splits
    quarantine_quiet_gap: float = MISSING  # so are these, if the volume is even below its mean
    quarantine_any_gap: float = MISSING  # a gap this large is quarantined with volume, too: a ticker used again
    threshold: float = MISSING  # quality from which on a day is listed
    log_every_s: float = MISSING  # progress lines where there is no terminal
    trigger: TriggerConfig = MISSING
    quality: QualityConfig = MISSING
    reset: ResetPointConfig = MISSING
