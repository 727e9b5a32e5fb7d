"""The rule buys what it says, knows nothing that comes later, and is tuned by what it earned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from agent.baselines.rule import Rule, RuleTrader, combinations, entries, rule, tune
from agent.policy import BUY_ALL, HOLD, SELL_ALL
from config.schema import RuleConfig
from data.layout import SECONDS, Bar
from data.market_day import MarketDay
from simulators.layout import ACTIONS, Portfolio
from tests.support.contests import backtest, backtest_of, contest, with_bars
from tests.support.made_day import made_day, random_day
from tests.support.simulation import walk_day

HIGH = Rule("high", 60, 2.0, 0.02, 0.05, 600)
VWAP = HIGH._replace(entry="vwap")


def climbing(second: int) -> MarketDay:
    """5.00 on 100 shares a minute until it trades at 5.20, 5.21, ... on ten times the volume from `second` on."""
    trades = [(float(t), 5.0, 100, 1) for t in range(19_000, second, 60)]
    trades += [(float(t), 5.20 + 0.01 * i, 200, 1) for i, t in enumerate(range(second, second + 100, 10))]
    return made_day([(19_000.0, 4.99, 5.01, 900, 900)], trades)


def test_a_new_high_on_volume_is_bought() -> None:
    seconds = np.flatnonzero(entries(climbing(20_000), HIGH))
    assert seconds[0] == 20_000
    assert seconds[-1] < 20_090 + 60
    assert not entries(climbing(20_000), HIGH._replace(surge=1e9)).any()


def test_the_high_has_to_be_old_enough() -> None:
    day = climbing(20_000)
    assert not entries(day, HIGH._replace(lookback_s=1))[20_001]  # it is the high
    assert entries(day, HIGH._replace(lookback_s=1))[20_010]


def test_the_vwap_has_to_be_reclaimed() -> None:
    trades = [(float(t), 5.0 - 0.0005 * i, 100, 1) for i, t in enumerate(range(19_000, 20_000, 10))]
    trades += [(float(t), 5.05, 300, 1) for t in range(20_000, 20_200, 10)]
    day = made_day([(19_000.0, 4.99, 5.01, 900, 900)], trades)
    seconds = np.flatnonzero(entries(day, VWAP))
    assert 20_000 <= seconds[0] < 20_060
    assert seconds[-1] <= 20_000 + 60  # a minute later it has been above for a minute


@pytest.mark.parametrize("which", [HIGH, VWAP], ids=["high", "vwap"])
def test_nothing_that_comes_later_is_known(which: Rule) -> None:
    day, rng = walk_day(5), np.random.default_rng(0)
    before = entries(day, which._replace(surge=0.5))
    assert before.any()
    for cut in rng.integers(20_000, 50_000, 5).tolist():
        later = day.bars[cut + 1 :] * rng.uniform(0, 7, (SECONDS - cut - 1, 1))
        changed = {column.name: np.concatenate([day.bars[: cut + 1, column], later[:, column]]) for column in Bar}
        after = entries(with_bars(day, **changed), which._replace(surge=0.5))
        np.testing.assert_array_equal(after[: cut + 1], before[: cut + 1])


def portfolio(side: float = 0.0, move: float = 0.0, held_s: float = 0.0) -> np.ndarray:
    row = np.zeros((1, len(Portfolio)), np.float32)
    row[0, Portfolio.SIDE], row[0, Portfolio.UNREALISED] = side, 20 * move
    row[0, Portfolio.TRADE_TIME] = np.log1p(held_s) / 8
    return row


@pytest.mark.parametrize(
    ("second", "held", "action"),
    [
        (20_000, portfolio(), BUY_ALL),
        (19_500, portfolio(), HOLD),
        (20_000, portfolio(1, 0.01, 10), HOLD),
        (20_000, portfolio(1, -0.021, 10), SELL_ALL),
        (20_000, portfolio(1, 0.051, 10), SELL_ALL),
        (20_000, portfolio(1, 0.01, 599), HOLD),
        (20_000, portfolio(1, 0.01, 600), SELL_ALL),
    ],
)
def test_what_it_does(second: int, held: np.ndarray, action: int) -> None:
    trader = RuleTrader([climbing(20_000)], [HIGH])
    index = np.array([[0, second]], np.int32)
    assert trader.act(index, held, np.ones((1, ACTIONS), np.bool_)).tolist() == [action]
    assert trader.act(index, held, np.zeros((1, ACTIONS), np.bool_)).tolist() == [HOLD]


def test_every_lane_follows_its_own_rule() -> None:
    days = [climbing(20_000), random_day(1)]
    trader = RuleTrader(days, [HIGH, HIGH._replace(stop=0.1), VWAP])
    index = np.array([[row % 2, 20_000] for row in range(6)], np.int32)
    held = np.repeat(portfolio(1, -0.05, 10), 6, axis=0)
    actions = trader.act(index, held, np.ones((6, ACTIONS), np.bool_))
    assert actions.tolist() == [SELL_ALL, SELL_ALL, HOLD, HOLD, SELL_ALL, SELL_ALL]


WORDS = (
    "backtest.rule.entry=[high,vwap]",
    "backtest.rule.surge=[0.2]",
    "backtest.rule.stop=[0.01,0.03]",
    "backtest.rule.target=[0.02]",
    "backtest.rule.hold_s=[120]",
)


def test_it_is_tuned_by_what_it_earned() -> None:
    training = backtest(*WORDS)
    chosen = tune(training)
    rules = combinations(training.config.rule)
    assert len(rules) == chosen["combinations"] == 4
    means = [float(training.run(RuleTrader(training.bank.days, [each])).pnl.mean()) for each in rules]
    best = rules[int(np.argmax(means))]
    assert {name: chosen[name] for name in Rule._fields} == best._asdict()
    assert tune(training) == chosen
    assert chosen["training_days"] == 2
    assert len(set(means)) > 2


def test_one_combination_needs_no_training() -> None:
    training = backtest(*WORDS, "backtest.rule.entry=[vwap]", "backtest.rule.stop=[0.03]")
    assert tune(training) == combinations(training.config.rule)[0]._asdict()


def test_it_trades_as_tuned_else_as_listed_first() -> None:
    days = list(backtest().bank.days)
    as_told = rule(contest({**VWAP._replace(surge=0.2)._asdict(), "training_pnl": 1.0}))
    alone = backtest().run(RuleTrader(days, [VWAP._replace(surge=0.2)]))
    np.testing.assert_array_equal(as_told.pnl, alone.pnl)
    assert as_told.trips.sum() > 0
    first = combinations(backtest().config.rule)[0]
    untold = rule(contest())
    np.testing.assert_array_equal(untold.pnl, backtest().run(RuleTrader(days, [first])).pnl)


def test_stops_and_targets_hold_in_the_environment() -> None:
    day = climbing(20_100)
    quotes = [(19_000.0 + t, 5.2, 5.21, 9_000, 9_000) for t in range(0, 1_200, 20)]
    quotes += [(20_200.0 + t, 5.0, 5.01, 9_000, 9_000) for t in range(0, 1_000, 20)]
    day = made_day(quotes, [(t, p, s, 1) for t, p, s in _prints(day)])
    run = backtest_of([day]).run(RuleTrader([day], [HIGH]))
    trade = run.trades.row(0, named=True)
    assert trade["exit_price"] < trade["entry_price"] * 0.97
    assert trade["held_s"] < 150


def _prints(day: MarketDay) -> list[tuple[float, float, int]]:
    return [((int(t["ts_recv"]) - day.start_ns) / 1e9, int(t["price"]) / 1e9, int(t["size"])) for t in day.trades]


def test_values_that_cannot_be_are_refused() -> None:
    good: dict[str, Any] = {"stop": [0.02], "target": [0.02], "lookback_s": [60], "hold_s": [60]}
    good |= {"entry": ["high"], "surge": [1.0]}
    RuleConfig(**good)
    for name, values in (("stop", []), ("entry", ["low"]), ("hold_s", [0]), ("target", [0.3])):
        bad: dict[str, Any] = {**good, name: values}
        with pytest.raises(ValueError, match=f"backtest.rule.*{name}"):
            RuleConfig(**bad)
