"""Shape and types of every configuration. Values live in the YAML files beside this one; here every field is MISSING.

Unknown keys, wrong types and missing values are refused with the full key. Components take these objects as their
definitions. Ranges are checked in `__post_init__` (they run on `OmegaConf.to_object`).
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING


def _require(ok: bool, text: str) -> None:
    if not ok:
        raise ValueError(text)


# ---------------------------------------------------------------- data
@dataclass
class SplitEntry:
    """A split that no table in the data folder holds."""

    symbol: str = MISSING
    date: str = MISSING  # first day of the new shares, ISO
    factor: float = MISSING  # what earlier prices are multiplied by: 1:10 reverse = 10, 2:1 = 0.5

    def __post_init__(self) -> None:
        _require(
            0 < self.factor < math.inf, f"data.splits: factor of {self.symbol} is {self.factor}; 1:10 reverse = 10"
        )
        try:
            dt.date.fromisoformat(self.date)
        except ValueError:
            _require(False, f"data.splits: date of {self.symbol} is {self.date}; use YYYY-MM-DD")


@dataclass
class DataConfig:
    """Where Databento files come from."""

    folder: str = MISSING  # searched recursively for .dbn and .dbn.zst
    source: str = MISSING  # files: that folder; sample: the sample market; auto: the sample if the folder has no files
    cache: str = MISSING  # days, features, index
    schema_priority: list[str] = MISSING  # for the timeline: first that is there wins, e.g. [mbp-1, trades]
    publisher: int = MISSING  # 0: consolidate all publishers (bars) or take them as they come (events)
    splits: list[SplitEntry] = MISSING  # in addition to splits.csv, e.g. [{symbol: A, date: 2025-04-15, factor: 10}]


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
        _require(self.variant in ("signal", "placebo"), f"sample.variant is {self.variant!r}; use signal or placebo")
        _require(self.sessions >= 2 and len(self.symbols) >= 1, "sample needs two sessions and one symbol or more")


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
        _require(found == [1, 2], f"timeline.luld_rules of {self.effective_from} has tiers {found}; it needs 1 and 2")


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
        _require(
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
        _require(0 <= self.random_share <= 1, f"scanner.reset.random_share is {self.random_share}; use 0 to 1")


@dataclass
class ScannerConfig:
    """Two stages: daily bars choose candidates, timelines judge them."""

    candidate_min_range: float = MISSING  # (high - low) / previous close of the daily bar
    candidate_min_rvol: float = MISSING  # daily volume against its 20-day mean
    quarantine_gap: float = MISSING  # gaps at least this large without supporting volume are taken for splits
    quarantine_quiet_gap: float = MISSING  # so are these, if the volume is even below its mean
    quarantine_any_gap: float = MISSING  # a gap this large is quarantined with volume, too: a ticker used again
    threshold: float = MISSING  # quality from which on a day is listed
    workers: int = MISSING  # processes; 0: one per core
    log_every_s: float = MISSING  # progress lines where there is no terminal
    trigger: TriggerConfig = MISSING
    quality: QualityConfig = MISSING
    reset: ResetPointConfig = MISSING


DIRECTIONS = ("front", "back", "both")
LEAST_UNIFORM = 0.2
"""Share of draws that no curriculum goes below: a policy that only sees patterns learns that everything is one."""


@dataclass
class BatchConfig:
    """How the agent learns while a stage runs; null: as `training` has it."""

    size: int | None = MISSING  # rows of a minibatch
    epochs: int | None = MISSING  # passes over a rollout
    learning_rate_factor: float | None = MISSING  # of the scheduled learning rate
    entropy_coef: float | None = MISSING  # instead of the scheduled one

    def __post_init__(self) -> None:
        for name in ("size", "epochs", "learning_rate_factor"):
            value = getattr(self, name)
            _require(
                value is None or value > 0, f"curriculum.stages[].batch.{name} is {value}; use null or a positive one"
            )
        _require(
            self.entropy_coef is None or self.entropy_coef >= 0,
            f"curriculum.stages[].batch.entropy_coef is {self.entropy_coef}; use null, 0 or more",
        )


@dataclass
class StageConfig:
    """One stage of the curriculum; empty lists mean no limit."""

    name: str = MISSING
    symbols: list[str] = MISSING
    date_range: list[str] = MISSING  # [first, last], ISO
    quality: list[float] = MISSING  # [low, high] of the day's quality, 0 to 1
    roc: list[float] = MISSING  # [low, high] of the signed 5-minute return at the reset point, as a fraction
    activity: list[float] = MISSING  # [low, high], 0 to 1; 0.5: the last minute's volume is as usual
    direction: str = MISSING  # front: reset points above VWAP and the previous close | back: the others | both
    episode_s: list[int] = MISSING  # [shortest, longest] episode
    steps: int = MISSING  # at most that many environment steps; 0: no limit
    advance_at: float = MISSING  # mean episode log return that ends the stage early
    fall_back_at: float | None = MISSING  # below that mean the stage before comes again; null: never
    batch: BatchConfig = MISSING

    def __post_init__(self) -> None:
        for name in ("date_range", "quality", "roc", "activity"):
            limits = getattr(self, name)
            self._check(len(limits) == 0 or (len(limits) == 2 and limits[0] <= limits[1]), name, "[low, high] or []")
        for name in ("quality", "activity"):
            self._check(all(0 <= x <= 1 for x in getattr(self, name)), name, "values from 0 to 1")
        self._check(all(map(_is_date, self.date_range)), "date_range", '["YYYY-MM-DD", "YYYY-MM-DD"]')
        self._check(self.direction in DIRECTIONS, "direction", ", ".join(DIRECTIONS))
        lengths = self.episode_s
        in_order = len(lengths) == 2 and 1 <= lengths[0] <= lengths[1]
        self._check(in_order, "episode_s", "[shortest, longest] in seconds")
        self._check(self.steps >= 0, "steps", "0 (no limit) or more")
        below = self.fall_back_at is None or self.fall_back_at < self.advance_at
        self._check(below, "fall_back_at", f"null, or less than advance_at ({self.advance_at})")

    def _check(self, ok: bool, name: str, fix: str) -> None:
        _require(ok, f"curriculum.stages[{self.name}].{name} is {getattr(self, name)}; use {fix}")


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


@dataclass
class RotationConfig:
    """Which day a lane takes next: drawn by (quality_floor + quality) * (1 + progress * P) * (1 + staleness * S).

    P: how much the day's mean log return is moving, S: how many episodes ago it was dealt; both in multiples of the
    average of the stage's days, `most` at most, and `most` for a day that was not played yet.
    """

    quality_floor: float = MISSING  # so that poor days are dealt too
    progress: float = MISSING  # weight; 0: learning progress does not count
    staleness: float = MISSING  # weight; 0: it does not count either
    most: float = MISSING  # multiples of the average

    def __post_init__(self) -> None:
        for name in ("progress", "staleness"):
            value = getattr(self, name)
            _require(0 <= value < math.inf, f"curriculum.rotation.{name} is {value}; use 0 or more")
        for name in ("quality_floor", "most"):
            value = getattr(self, name)
            _require(0 < value < math.inf, f"curriculum.rotation.{name} is {value}; use a positive number")


@dataclass
class CurriculumConfig:
    """What the lanes train on, in order. The last stage covers everything and has no end."""

    stages: list[StageConfig] = MISSING
    uniform_share: float = MISSING  # draws from all training days and seconds, in every stage; 0.2 or more
    window: int = MISSING  # episodes over which success is measured
    hold: int = MISSING  # episodes in a row it must be at advance_at (or below fall_back_at): one peak is not enough
    lead_s: list[int] = MISSING  # an episode starts U(lead) seconds before its reset point
    rotation: RotationConfig = MISSING

    def __post_init__(self) -> None:
        share = self.uniform_share
        _require(LEAST_UNIFORM <= share <= 1, f"curriculum.uniform_share is {share}; use {LEAST_UNIFORM} to 1")
        for name in ("window", "hold"):
            _require(getattr(self, name) >= 1, f"curriculum.{name} is {getattr(self, name)}; use 1 or more")
        _require(
            len(self.lead_s) == 2 and 1 <= self.lead_s[0] <= self.lead_s[1],
            f"curriculum.lead_s is {list(self.lead_s)}; use [least, most] in seconds, at least 1",
        )
        _require(len(self.stages) > 0, "curriculum.stages is []; give it one stage or more, the last over everything")
        names = [stage.name for stage in self.stages]
        _require(len(set(names)) == len(names), f"curriculum.stages has names {names}; use each name once")
        first = self.stages[0]
        _require(
            first.fall_back_at is None,
            f"curriculum.stages[{first.name}].fall_back_at is {first.fall_back_at}; use null, there is no stage before",
        )
        self._check_last(self.stages[-1])

    def _check_last(self, last: StageConfig) -> None:
        """The end of training is never on a selection: what was left out would be forgotten."""
        unlimited = {"symbols": [], "date_range": [], "roc": [], "activity": [], "direction": "both", "steps": 0}
        for name, wanted in unlimited.items():
            value = getattr(last, name)
            _require(
                value == wanted,
                f"curriculum.stages[{last.name}].{name} is {value}; use {wanted}, the last stage covers everything",
            )
        _require(
            list(last.quality) in ([], [0.0, 1.0]),
            f"curriculum.stages[{last.name}].quality is {last.quality}; use [], the last stage covers everything",
        )


# ---------------------------------------------------------------- features
@dataclass
class FeatureConfig:
    """Which features are built."""

    families: list[str] = MISSING  # empty: all
    exclude: list[str] = MISSING  # single features to leave out
    windows: dict[str, list[int]] = MISSING  # instead of the declared ones, by name: return_Ns: [1, 10, 60]


# ---------------------------------------------------------------- simulation
@dataclass
class LatencyConfig:
    """Decision to arrival at the market: a model of simulators/latency_models by name, with its parameters."""

    model: str = MISSING
    params: dict[str, float] = MISSING  # exactly those the model declares
    file: str = MISSING  # measured latencies, milliseconds, one a line; empty: the model needs none


@dataclass
class FillConfig:
    """How much of an order trades, and at what price: a model of simulators/fill_models by name."""

    model: str = MISSING
    params: dict[str, float] = MISSING  # exactly those the model declares


@dataclass
class ExecutionConfig:
    """What every order meets, whichever model fills it."""

    max_spread: float = MISSING  # share of mid; a wider book is not traded against
    stale_regular_s: float = MISSING  # nor one that is older
    stale_extended_s: float = MISSING
    limit_offset: float = MISSING  # price protection: marketable limit at touch * (1 +- this)
    consumption_halflife_s: float = MISSING  # own fills count as taken from the book for about so long
    flow_halflife_s: float = MISSING  # and press on the price for about so long

    def __post_init__(self) -> None:
        _require(0 <= self.limit_offset < 1, "simulation.execution.limit_offset must be in [0, 1)")
        for name in ("max_spread", "stale_regular_s", "stale_extended_s", "consumption_halflife_s", "flow_halflife_s"):
            _require(getattr(self, name) >= 0, f"simulation.execution.{name} must not be negative")


@dataclass
class OrdersConfig:
    """What the actions send. Outside regular hours it is always a marketable limit order, immediate or cancel."""

    kind: str = MISSING  # ioc: marketable limit | limit: rests at the near touch of the decision
    rest_s: float = MISSING  # a resting order is cancelled after so long
    stop_distance: float = MISSING  # protective stop, share of the entry price; 0: none

    def __post_init__(self) -> None:
        _require(self.kind in ("ioc", "limit"), f"simulation.orders.kind is {self.kind!r}; use ioc or limit")
        _require(self.rest_s > 0, "simulation.orders.rest_s must be positive")
        _require(0 <= self.stop_distance < 1, "simulation.orders.stop_distance must be in [0, 1)")


@dataclass
class SessionConfig:
    """When orders may trade, New York time; early closes end earlier. Positions are closed by force at the end."""

    first: str = MISSING  # HH:MM
    last: str = MISSING

    def __post_init__(self) -> None:
        clock = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
        for name in ("first", "last"):
            value = getattr(self, name)
            _require(bool(clock.fullmatch(value)), f"simulation.session.{name} is {value!r}; write it as HH:MM")
            _require("04:00" <= value <= "20:00", f"simulation.session.{name} is {value}; use 04:00 to 20:00")
        _require(self.first < self.last, f"simulation.session is {self.first} to {self.last}: it ends before it begins")


@dataclass
class RegulatoryEntry:
    """Fees on sells, by law, from a date on."""

    effective_from: str = MISSING
    sec_per_million: float = MISSING  # section 31, dollars per million sold
    taf_per_share: float = MISSING  # FINRA's trading activity fee, dollars
    taf_cap: float = MISSING  # dollars per trade


@dataclass
class FeeConfig:
    """The broker's plan and the dated regulatory table."""

    plan: str = MISSING
    per_share: float = MISSING  # dollars
    minimum: float = MISSING  # dollars per order
    max_share_of_value: float = MISSING  # of the order's value
    regulatory: list[RegulatoryEntry] = MISSING

    def __post_init__(self) -> None:
        for name in ("per_share", "minimum", "max_share_of_value"):
            _require(getattr(self, name) >= 0, f"simulation.fees.{name} must not be negative")
        _require(len(self.regulatory) > 0, "simulation.fees.regulatory is empty; give it at least one dated entry")


@dataclass
class RegimeConfig:
    """Rules of the account from a date on."""

    effective_from: str = MISSING
    leverage: float = MISSING  # most exposure / equity
    maintenance: float = MISSING  # least equity / exposure; below it the broker closes the position; 0: never
    settle: bool = MISSING  # proceeds of sales cannot be spent on the same day (T+1)
    day_trade_limit: int = MISSING  # day trades for accounts below day_trade_equity; -1: no limit
    day_trade_equity: float = MISSING  # dollars at the start of the day
    small_leverage: float = MISSING  # most exposure / equity of accounts below it


@dataclass
class AccountConfig:
    """The account at the start of an episode."""

    capital: float = MISSING  # dollars
    leverage: float = MISSING  # buying power / equity that is used; the day's regime may allow less
    day_trades_used: int = MISSING  # in the four sessions before, where a regime counts them
    regimes: list[RegimeConfig] = MISSING

    def __post_init__(self) -> None:
        _require(self.capital > 0, "simulation.account.capital must be positive")
        _require(self.leverage > 0, "simulation.account.leverage must be positive")
        _require(self.day_trades_used >= 0, "simulation.account.day_trades_used must not be negative")
        _require(len(self.regimes) > 0, "simulation.account.regimes is empty; give it at least one dated entry")


@dataclass
class ShortsConfig:
    """Short selling: never under the short-sale restriction at the bid, never without a locate."""

    allow: bool = MISSING
    availability: float = MISSING  # share of symbol-days on which shares can be borrowed
    seed: int = MISSING  # of which those are
    locate_minimum: float = MISSING  # dollars per share located
    locate_share: float = MISSING  # of the price; the larger of the two is paid
    borrow_rate: float = MISSING  # a year, for positions held overnight; nothing within a day
    borrow_collateral: float = MISSING  # of the price, rounded up to a dollar

    def __post_init__(self) -> None:
        _require(0 <= self.availability <= 1, "simulation.shorts.availability is a share in [0, 1]")
        for name in ("locate_minimum", "locate_share", "borrow_rate", "borrow_collateral"):
            _require(getattr(self, name) >= 0, f"simulation.shorts.{name} must not be negative")


@dataclass
class SimulationConfig:
    """Everything that turns orders into fills and fills into equity."""

    session: SessionConfig = MISSING
    latency: LatencyConfig = MISSING
    fill: FillConfig = MISSING
    execution: ExecutionConfig = MISSING
    orders: OrdersConfig = MISSING
    fees: FeeConfig = MISSING
    account: AccountConfig = MISSING
    shorts: ShortsConfig = MISSING


@dataclass
class EnvConfig:
    """Episodes and decisions."""

    decision_interval_s: int = MISSING
    invalid_action: str = MISSING  # mask | penalise | terminate
    invalid_limit: int = MISSING  # with "terminate": that many end the episode
    max_loss: float = MISSING  # share of start equity; ends the episode
    bankrupt_equity: float = MISSING  # share of start equity at or below which the account is bankrupt

    def __post_init__(self) -> None:
        _require(
            self.invalid_action in ("mask", "penalise", "terminate"),
            f"env.invalid_action is {self.invalid_action!r}; use mask, penalise or terminate",
        )
        _require(self.decision_interval_s >= 1, "env.decision_interval_s must be at least 1")
        _require(self.invalid_limit >= 1, "env.invalid_limit must be at least 1")
        _require(0 < self.max_loss <= 1, f"env.max_loss is {self.max_loss}; it is a share in (0, 1]")
        _require(0 <= self.bankrupt_equity < 1, f"env.bankrupt_equity is {self.bankrupt_equity}; it is in [0, 1)")


@dataclass
class RewardComponentConfig:
    """One component: its name is its key and the name it is registered under."""

    weight: float = MISSING
    clip: float = MISSING  # per step, absolute; 0: none
    until: float = MISSING  # share of training over which the weight fades to 0, linearly; 0: it never fades
    params: dict[str, float] = MISSING


@dataclass
class RewardConfig:
    """The composite: sum of weight * clip(component)."""

    components: dict[str, RewardComponentConfig] = MISSING


# ---------------------------------------------------------------- learning
@dataclass
class ModelConfig:
    """The multi-branch transformer."""

    d_model: int = MISSING
    heads: int = MISSING
    layers: int = MISSING
    ffn: int = MISSING
    hf_band: int = MISSING  # keys a token sees, per layer
    mf_band: int = MISSING
    hidden: list[int] = MISSING  # of the policy and value heads
    hold_bias: float = MISSING  # initial logit of HOLD; the other actions start near 0
    normalise: str = MISSING  # fitted: inputs are scaled as they spread on the training days | declared: not again

    def __post_init__(self) -> None:
        _require(
            self.normalise in ("fitted", "declared"), f"model.normalise is {self.normalise!r}; use fitted or declared"
        )


@dataclass
class TrainingConfig:
    """PPO."""

    lanes: int = MISSING
    total_steps: int = MISSING
    continue_from: str = MISSING  # best, v3 or a folder: go on with that model; empty: start afresh
    other_split: bool = MISSING  # go on from a model that was trained with other sessions held out; else it is refused
    time_limit_s: float = MISSING  # 0: none
    n_steps: int = MISSING  # per lane and rollout
    batch_size: int = MISSING
    n_epochs: int = MISSING
    learning_rate: float = MISSING
    final_learning_rate: float = MISSING  # linear schedule
    continue_lr_factor: float = MISSING  # of the learning rates, when training is continued
    gamma: float = MISSING
    gae_lambda: float = MISSING
    clip_range: float = MISSING
    entropy_coef: float = MISSING
    final_entropy_coef: float = MISSING  # linear schedule
    value_coef: float = MISSING
    max_grad_norm: float = MISSING
    target_kl: float = MISSING
    block_rows: int = MISSING  # rows of one minute block that stay together in a minibatch
    threads: int = MISSING  # torch threads; 0: torch's choice
    device: str = MISSING
    evaluate_every: int = MISSING  # rollouts between validation runs; 0: only at the end
    log_every_s: float = MISSING
    keep_best: int = MISSING

    def __post_init__(self) -> None:
        _require(
            self.n_steps * self.lanes >= self.batch_size,
            f"training.batch_size ({self.batch_size}) exceeds n_steps * lanes ({self.n_steps * self.lanes})",
        )


@dataclass
class BacktestConfig:
    """Which days, and against what."""

    days: str = MISSING  # ex_ante: triggered days from their trigger on | all: every day of the index, whole session
    date: str = MISSING  # one date or "first:last", empty: the held-out test split
    last_second: int = MISSING  # flat by then (57,600: the end of the post-market)
    random_draws: int = MISSING
    model: str = MISSING  # v3, best, or a folder
    bootstrap_draws: int = MISSING


@dataclass
class MetricsConfig:
    """Where the numbers of a run go: names of sinks in metrics/sinks."""

    sinks: list[str] = MISSING


@dataclass
class WandbConfig:
    """Weights & Biases."""

    mode: str = MISSING  # offline | online | disabled
    project: str = MISSING
    group: str = MISSING

    def __post_init__(self) -> None:
        _require(
            self.mode in ("offline", "online", "disabled"),
            f"wandb.mode is {self.mode!r}; use offline, online or disabled",
        )


MODES = ("init", "build-index", "scan", "train", "backtest", "train-backtest")


@dataclass
class Config:
    """The whole."""

    name: str = MISSING
    mode: str = MISSING  # one of MODES
    seed: int = MISSING
    symbols: list[str] = MISSING  # overrides the stages' symbols; empty: all
    runs: str = MISSING  # folder of runs
    models: str = MISSING  # folder of the model registry
    data: DataConfig = MISSING
    sample: SampleMarketConfig = MISSING
    timeline: TimelineConfig = MISSING
    split: SplitConfig = MISSING
    scanner: ScannerConfig = MISSING
    curriculum: CurriculumConfig = MISSING
    feature: FeatureConfig = MISSING
    simulation: SimulationConfig = MISSING
    env: EnvConfig = MISSING
    reward: RewardConfig = MISSING
    model: ModelConfig = MISSING
    training: TrainingConfig = MISSING
    backtest: BacktestConfig = MISSING
    metrics: MetricsConfig = MISSING
    wandb: WandbConfig = MISSING

    def __post_init__(self) -> None:
        _require(self.mode in MODES, f"mode is {self.mode!r}; use {', '.join(MODES)}")
        rows = self.training.n_steps * self.training.lanes
        for stage in self.curriculum.stages:
            _require(
                (stage.batch.size or 1) <= rows,
                f"curriculum.stages[{stage.name}].batch.size is {stage.batch.size}; a rollout has {rows}, use less",
            )
        _require(self.name.replace("-", "").isalnum(), f"name is {self.name!r}; use letters, digits and dashes")


PlainConfig = dict[str, Any]
"""A composed configuration as plain data, for hashing and for JSON."""
