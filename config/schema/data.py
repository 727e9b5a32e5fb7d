"""Databento files, the sample market, what becomes of them, and how sessions are split."""

from __future__ import annotations

import math
from dataclasses import dataclass

from omegaconf import MISSING

from config.schema.checks import is_date, one_of, require


@dataclass
class SplitEntry:
    """A split that no table in the data folder holds."""

    symbol: str = MISSING
    date: str = MISSING  # first day of the new shares, ISO
    factor: float = MISSING  # what earlier prices are multiplied by: 1:10 reverse = 10, 2:1 = 0.5

    def __post_init__(self) -> None:
        require(0 < self.factor < math.inf, f"data.splits: factor of {self.symbol} is {self.factor}; 1:10 reverse = 10")
        require(is_date(self.date), f"data.splits: date of {self.symbol} is {self.date}; use YYYY-MM-DD")


@dataclass
class DataConfig:
    """Where market data comes from."""

    folder: str = MISSING  # searched recursively for .dbn and .dbn.zst
    source: str = MISSING  # files: that folder; sample: the sample market; auto: the sample if the folder has no files
    cache: str = MISSING  # days, features, index
    shared: str = MISSING  # days and features that machines share: a folder, s3://BUCKET/FOLDER, any fsspec address
    schema_priority: list[str] = MISSING  # for the timeline: first that is there wins; ohlcv-1s at the end: for scans
    publisher: int = MISSING  # 0: consolidate all publishers (bars) or take them as they come (events)
    splits: list[SplitEntry] = MISSING  # in addition to splits.csv, e.g. [{symbol: A, date: 2025-04-15, factor: 10}]
    provider: str = MISSING  # who reads the files: databento, or one of your own, see docs/extending.md
    params: dict[str, float] = MISSING  # exactly those that the provider declares


@dataclass
class SampleDayConfig:
    """One kind of active day; bounds of uniform draws, simple returns."""

    gap: list[float] = MISSING  # first price against the previous close
    run: list[float] = MISSING  # from there to the peak
    end: list[float] = MISSING  # close against the open (faders) or against the peak
    peak: list[float] = MISSING  # share of the day's activity by which the peak is reached


@dataclass
class SampleMarketConfig:
    """The synthetic market; see data/sample_market.py for the model."""

    folder: str = MISSING
    variant: str = MISSING  # signal | placebo
    seed: int = MISSING
    symbols: list[str] = MISSING
    sessions: int = MISSING
    last_date: str = MISSING
    workers: int = MISSING  # threads; the files do not depend on it
    active_share: float = MISSING  # share of symbol-days that are momentum days or faders
    fader_share: float = MISSING  # of those, share that close below their open
    signal_strength: float = MISSING  # drift, basis points per second at full activity and unit pressure
    signal_halflife_s: float = MISSING  # of the pressure process
    lead_s: float = MISSING  # mean delay from order flow to price
    flow_gain: float = MISSING  # log-odds of a buyer-sided event per unit of pressure
    surge: float = MISSING  # how much the event rates rise per unit of pressure
    base_price: list[float] = MISSING  # lowest and highest of the symbols' usual prices, dollars
    noise_bps: float = MISSING  # volatility per square root of a second at full activity, without the signal
    quiet_activity: float = MISSING  # activity of quiet days at mid-day, relative to an active window's peak
    spread_bps: float = MISSING  # at full activity; wider when thin, in whole ticks
    displayed_shares: float = MISSING  # scale of the size at the best prices; about 60 % of it is shown on average
    quote_rate: float = MISSING  # per second at full activity
    trade_rate: float = MISSING
    quiet_quote_rate: float = MISSING  # per second of regular hours on quiet days
    quiet_trade_rate: float = MISSING
    trade_shares: float = MISSING  # mean size of a trade
    extended_thinning: float = MISSING  # factor on the event rates outside regular hours
    windows: list[int] = MISSING  # least and most active windows of a day
    window_hours: list[float] = MISSING
    first_window: list[float] = MISSING  # range of its start, hours after 04:00
    news_halt_share: float = MISSING  # of active days, where the first window leaves room for one
    burst_share: float = MISSING  # of active days, where the first window lies in regular hours
    burst: list[float] = MISSING  # size of such a sudden move, simple return, up or down
    flushes: list[int] = MISSING  # least and most sudden drops of an active day, in its windows
    flush: list[float] = MISSING  # size of such a drop within 20-45 s, simple return
    momentum: SampleDayConfig = MISSING
    fader: SampleDayConfig = MISSING
    split_symbol: str = MISSING  # empty: none
    split_session: int = MISSING  # number of the first session after the reverse split
    split_ratio: float = MISSING

    def __post_init__(self) -> None:
        one_of("sample.variant", self.variant, ("signal", "placebo"))
        require(self.sessions >= 2 and len(self.symbols) >= 1, "sample needs two sessions and one symbol or more")


@dataclass
class LuldBandConfig:
    """Width of a limit-up limit-down band for previous closes above `above` (the highest `above` that fits counts)."""

    above: float = MISSING  # dollars
    percent: float = MISSING  # of the reference price, as a fraction
    cap: float = MISSING  # dollars; the lesser of the two is taken


@dataclass
class LuldTierConfig:
    """Bands of one tier of the limit-up limit-down plan."""

    tier: int = MISSING  # 1: timeline.tier1, 2: everything else
    double_up_to: float = MISSING  # bands are doubled only for previous closes up to this, dollars
    bands: list[LuldBandConfig] = MISSING


@dataclass
class LuldRuleConfig:
    """The limit-up limit-down plan from a date on."""

    effective_from: str = MISSING
    reference_window_s: int = MISSING  # the reference is the mean trade price over this window
    reference_change: float = MISSING  # it is replaced if the mean is at least this far away
    reference_hold_s: int = MISSING  # and it is at least this old
    double_open_s: int = MISSING  # bands are doubled for so long after the open
    double_close_s: int = MISSING  # and for so long before the close
    tiers: list[LuldTierConfig] = MISSING

    def __post_init__(self) -> None:
        found = sorted(tier.tier for tier in self.tiers)
        require(found == [1, 2], f"timeline.luld_rules of {self.effective_from} has tiers {found}; it needs 1 and 2")


@dataclass
class TimelineConfig:
    """How events become a MarketDay."""

    halt_gap_s: int = MISSING  # silence in regular hours that is taken for a halt where no status schema is
    clock_volume_sessions: int = MISSING  # previous sessions in the same-clock mean volume
    luld: bool = MISSING  # compute bands; a silence counts as a halt only if a band was touched before it
    luld_tolerance: float = MISSING  # how close to the computed band counts as touched, share of the band
    luld_touch_s: int = MISSING  # how long before the silence the touch may lie
    luld_rules: list[LuldRuleConfig] = MISSING
    tier1: list[str] = MISSING  # symbols of Tier 1: S&P 500, Russell 1000 and some funds
    short_sale_from: str = MISSING  # Rule 201 holds from this date on
    short_sale_drop: float = MISSING  # and is triggered so far below the previous close, as a fraction
    sigma_halflife_min: float = MISSING
    sigma_floor: float = MISSING
    sigma_cap: float = MISSING
    sigma_max_spread: float = MISSING  # a book wider than this share of its mid does not price a minute; trades do


@dataclass
class SplitConfig:
    """Sessions by date; validation is never trained on, test is touched by backtests only."""

    train: float = MISSING  # share of sessions, earliest first
    validation: float = MISSING
    embargo_sessions: int = MISSING
