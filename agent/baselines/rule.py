"""A momentum trader by rule: buys strength on volume, sells at a stop, a target or when its time is up.

It buys with everything when the price is above the session's VWAP, the last minute's volume is a multiple of the mean
minute's so far, and the price has just come above a level: the high of the day (`entry: high`), or the VWAP itself
(`entry: vwap`). It knows what a row of the day knows at its second, and of its own trade what the portfolio shows.

Parameters are chosen on training days, among all combinations of what `backtest.rule` lists.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from agent.baselines.registry import Contest, Parameters, baseline
from agent.ledger import Run
from agent.policy import BUY_ALL, HOLD, SELL_ALL, Actions, Index, Mask, Rows
from config.schema import RuleConfig
from data.layout import Bar
from data.market_day import MarketDay
from simulators.layout import Portfolio

if TYPE_CHECKING:
    from agent.backtest import Backtest

MINUTE = 60
HIGH = "high"
Flags = npt.NDArray[np.bool_]
Column = npt.NDArray[np.float64]


class Rule(NamedTuple):
    """One combination of parameters; fields are those of `RuleConfig`."""

    entry: str
    lookback_s: int
    surge: float
    stop: float
    target: float
    hold_s: int


def combinations(config: RuleConfig) -> list[Rule]:
    """Every combination of the listed values, the first values first."""
    return [Rule(*values) for values in itertools.product(*(getattr(config, name) for name in Rule._fields))]


def _ago(column: Column, seconds: int) -> Column:
    """The column `seconds` before; 0 before the day's start."""
    return np.concatenate([np.zeros(seconds), column[: len(column) - seconds]])


def entries(day: MarketDay, rule: Rule) -> Flags:
    """Seconds [57600] at whose end the rule would buy; row t depends on rows up to t only."""
    bars = day.bars
    price, volume = bars[:, Bar.CLOSE], np.cumsum(bars[:, Bar.VOLUME])
    vwap = np.cumsum(bars[:, Bar.NOTIONAL]) / np.maximum(volume, 1.0)
    minutes = (np.arange(len(bars)) + 1) / MINUTE
    surging = volume - _ago(volume, MINUTE) >= rule.surge * volume / minutes
    if rule.entry == HIGH:
        level = _ago(
            np.maximum.accumulate(np.where(bars[:, Bar.HAS_TRADE] > 0, bars[:, Bar.HIGH], 0.0)), rule.lookback_s
        )
        broken = price > level
    else:
        level = _ago(vwap, rule.lookback_s)
        broken = _ago(price, rule.lookback_s) <= level
    return broken & (level > 0) & (price > vwap) & surging


class RuleTrader:
    """Trades one rule after the other on all days: lanes are rules x days, day fastest."""

    name = "rule"

    def __init__(self, days: Sequence[MarketDay], rules: Sequence[Rule]) -> None:
        kinds = list(dict.fromkeys(rule[:3] for rule in rules))
        by_kind = {rule[:3]: rule for rule in rules}
        self._entries = np.array([[entries(day, by_kind[kind]) for day in days] for kind in kinds])
        lanes = [rule for rule in rules for _ in days]
        self._kind = np.array([kinds.index(rule[:3]) for rule in lanes])
        self._stop = np.array([rule.stop for rule in lanes])
        self._target = np.array([rule.target for rule in lanes])
        self._hold_s = np.array([rule.hold_s for rule in lanes])

    def act(self, index: Index, portfolio: Rows, mask: Mask) -> Actions:
        """BUY 100 % at an entry while flat, SELL 100 % until flat once a trade is to end."""
        flat = portfolio[:, Portfolio.SIDE] == 0
        move = portfolio[:, Portfolio.UNREALISED] / 20.0
        held_s = np.expm1(8.0 * portfolio[:, Portfolio.TRADE_TIME])
        over = (move <= -self._stop) | (move >= self._target) | (held_s >= self._hold_s - 0.5)
        enter = flat & self._entries[self._kind, index[:, 0], index[:, 1]]
        actions = np.select([enter, ~flat & over], [BUY_ALL, SELL_ALL], HOLD)
        return np.where(mask[np.arange(len(actions)), actions], actions, HOLD)


def tune(training: Backtest) -> Parameters:
    """The combination with the highest mean net P&L per day (the first of equals), and what it was chosen by."""
    rules = combinations(training.config.rule)
    if len(rules) == 1:
        return rules[0]._asdict()
    run = training.run(RuleTrader(training.bank.days, rules), copies=len(rules))
    means = run.pnl.reshape(len(rules), -1).mean(axis=1)
    best = int(means.argmax())
    chosen_on = {"combinations": len(rules), "training_days": len(training.days), "training_pnl": float(means[best])}
    return {**rules[best]._asdict(), **chosen_on}


@baseline("rule", about="buys new highs or VWAP reclaims on volume; stop, target and time stop", tune=tune)
def rule(contest: Contest) -> Run:
    """Trade as tuned, else by the first values that the configuration lists."""
    backtest, given = contest.backtest, contest.parameters
    first = combinations(backtest.config.rule)[0]
    chosen = Rule(*(given[name] for name in Rule._fields)) if given else first
    return contest.run(RuleTrader(backtest.bank.days, [chosen]))
