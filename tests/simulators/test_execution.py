"""Orders against books that can be worked out by hand, and against a plain walk share by share."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from math import ceil, floor, inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from data.layout import SECONDS, UNDEF_PRICE, Market
from data.market_day import MarketDay
from simulators.execution_kernels import latency_nb, limit_nb
from simulators.execution_simulator import Execution, ExecutionSimulator, Rules
from simulators.fill_models.l1_walk import pushed_nb
from simulators.layout import LANE, TICKET, Reason
from simulators.models import FILL_MODELS
from tests.support.made_day import Quote, made_day
from tests.support.simulation import NINE_THIRTY, at, bank_of, both, halted_day, settings, steady_day
from utils.errors import ConfigError, DataError

T = NINE_THIRTY + 40.5
"""An arrival, seconds after 04:00."""
L1_WALK = FILL_MODELS.get("l1_walk")


def order(day: MarketDay, shares: float, *overrides: str, second: float = T, **own: float) -> Execution:
    config = settings(*overrides)
    return ExecutionSimulator(bank_of([day], config), config.simulation).execute(0, at(day, second), shares, **own)


def with_market(day: MarketDay, **columns: float) -> MarketDay:
    market = day.market.copy()
    for name, value in columns.items():
        market[:, Market[name]] = value
    return dataclasses.replace(day, market=market)


WALK_ALONE = ("simulation.fill.params.impact=0", "simulation.fill.params.participation=1.0")


def test_walk_by_hand() -> None:
    """5.00 x 5.03, 600 shown: levels of 180 at 5.03, 5.05, ... 5.13 (the 2 % limit), mean 5.08."""
    day = with_market(steady_day(), VOLUME_30S=5_000)
    done = order(day, 5_000, *WALK_ALONE)
    assert (done.reason, done.shares) == (Reason.PARTIAL, 1_080)
    assert done.price == pytest.approx(5.08, abs=1e-12)
    assert done.mid == pytest.approx(5.015)
    assert order(day, 180, *WALK_ALONE)[:3] == (Reason.FILLED, 180, 5.03)
    assert order(day, 270, *WALK_ALONE).price == pytest.approx((180 * 5.03 + 90 * 5.05) / 270, abs=1e-12)


def test_walk_down_by_hand() -> None:
    """Sells mirror it: 5.00, 4.98, ... 4.90."""
    done = order(with_market(steady_day(), VOLUME_30S=5_000), -5_000, *WALK_ALONE)
    assert (done.reason, done.shares) == (Reason.PARTIAL, -1_080)
    assert done.price == pytest.approx(4.95, abs=1e-12)


def test_participation_cap() -> None:
    """At most phi * displayed = 180, or 10 % of the trailing 30 s volume if that is more."""
    assert order(steady_day(), 5_000).shares == 180
    assert order(with_market(steady_day(), VOLUME_30S=1_500), 5_000).shares == 180
    assert order(with_market(steady_day(), VOLUME_30S=4_567), 5_000).shares == 456


def test_impact_by_hand() -> None:
    """V = 1e6, sigma = 0.8, Y = 1: c = 2/3 * 0.8 * sqrt(180 / 1e6) = 0.00715542, times mid 5.015 = 3.58844 cents."""
    assert order(steady_day(), 180).price == pytest.approx(5.03 + 0.0358844, abs=1e-7)
    assert order(steady_day(), -180).price == pytest.approx(5.00 - 0.0358844, abs=1e-7)
    # after 1,000 own shares: (1180^1.5 - 1000^1.5) / (180 * sqrt(V)) * 2/3 * 0.8
    assert order(with_market(steady_day(), VOLUME_SCALE=4e6), 180, flow=1_000).price == pytest.approx(
        5.03 + 0.013202 * 5.015, abs=1e-5
    )


def test_no_share_costs_more_than_the_limit() -> None:
    """The limit is 10 cents away; 0.8 * sqrt(x / 1e6) * 5.015 = 0.10 at x = 621.27: the 622nd share would cost more."""
    day = with_market(steady_day(), VOLUME_30S=1e6)
    done = order(day, 5_000)
    assert (done.reason, done.shares) == (Reason.PARTIAL, 621)
    assert done.price == pytest.approx(5.03 + 2 / 3 * 0.10, abs=1e-4)
    assert order(day, 5_000, flow=600).shares == 21
    assert order(day, 5_000, flow=621).reason is Reason.NO_LIQUIDITY


def test_the_worse_of_walk_and_impact() -> None:
    day = with_market(steady_day(), VOLUME_30S=5_000, VOLUME_SCALE=1e12)
    assert order(day, 5_000, "simulation.fill.params.participation=1.0").price == pytest.approx(5.08, abs=1e-9)


def test_own_consumption_is_not_there_twice() -> None:
    day = with_market(steady_day(), VOLUME_30S=5_000)
    first = order(day, 300, *WALK_ALONE)
    second = order(day, 5_000, *WALK_ALONE, used=first.shares)
    both = order(day, 5_000, *WALK_ALONE)
    assert first.shares + second.shares == both.shares
    assert first.shares * first.price + second.shares * second.price == pytest.approx(both.shares * both.price)
    assert order(day, 5_000, *WALK_ALONE, used=1_080).reason is Reason.NO_LIQUIDITY


def test_sub_dollar_ticks() -> None:
    """0.5000 x 0.5100: levels 0.5 * spread = 0.0050 apart, limit 0.5202: three levels."""
    day = with_market(steady_day(0.50, 0.51, 1_000), VOLUME_30S=1e5)
    done = order(day, 5_000, *WALK_ALONE)
    assert done.shares == 900
    assert done.price == pytest.approx(0.515)


Q = (float(NINE_THIRTY + 30), 5.0, 5.03, 600, 600)
U = UNDEF_PRICE / 1e9


@pytest.mark.parametrize(
    ("reason", "quotes", "market", "second"),
    [
        (Reason.NO_QUOTE, [], {}, T),
        (Reason.NO_QUOTE, [(T + 1, 5.0, 5.03, 600, 600)], {}, T),
        (Reason.CROSSED, [(T - 1, 5.05, 5.03, 600, 600)], {}, T),
        (Reason.WIDE, [(T - 1, 5.0, 5.6, 600, 600)], {}, T),
        (Reason.STALE, [Q], {}, NINE_THIRTY + 91.0),
        (Reason.LULD, [Q], {"LULD_HIGH": 5.02}, T),
        (Reason.CLOSED, [(57_500.0, 5.0, 5.03, 600, 600)], {}, SECONDS + 0.5),
        (Reason.NO_LIQUIDITY, [(T - 1, 5.0, 5.03, 600, 3)], {}, T),
        (Reason.NO_QUOTE, [(T - 1, 5.0, 5.03, 600, 0)], {}, T),
        (Reason.PARTIAL, [Q], {"LULD_HIGH": 5.05}, T),
        (Reason.NO_LIQUIDITY, [Q], {"LULD_HIGH": 5.03}, T),  # the first share already pushes the price beyond it
        (Reason.PARTIAL, [(40.0, 5.0, 5.03, 600, 600)], {}, 339.0),  # 299 s old, but not in regular hours
        (Reason.STALE, [(40.0, 5.0, 5.03, 600, 600)], {}, 341.0),
    ],
)
def test_reasons(reason: Reason, quotes: list[Quote], market: dict[str, float], second: float) -> None:
    done = order(with_market(made_day(quotes), **market), 5_000, second=second)
    assert done.reason is reason
    assert (done.shares > 0) == (reason is Reason.PARTIAL)
    if done.shares == 0:
        assert (done.price, done.fees) == (0, 0)


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_one_sided_books_are_refused(side: str) -> None:
    day = steady_day()
    quotes = day.quotes.copy()
    quotes[side] = UNDEF_PRICE
    assert order(dataclasses.replace(day, quotes=quotes), 100).reason is Reason.NO_QUOTE


def test_a_confirmed_book_is_not_stale() -> None:
    """The book did not change for 81 s, but records confirmed it."""
    day = made_day([Q])
    assert order(day, 100, second=NINE_THIRTY + 111.0).reason is Reason.STALE
    assert order(with_market(day, QUOTE_AGE=1.0), 100, second=NINE_THIRTY + 111.0).reason is Reason.FILLED


def test_halts_and_resumes() -> None:
    day = halted_day()
    stop, resume = NINE_THIRTY + 600, NINE_THIRTY + 900
    assert order(day, 100, second=stop - 0.01).reason is Reason.FILLED
    assert order(day, 100, second=stop).reason is Reason.HALTED
    assert order(day, 100, second=resume - 0.01).reason is Reason.HALTED
    # the first book after the resume is 25 s late; then half of phi for what is left of 30 s
    assert order(day, 100, second=resume + 24.9).reason is Reason.NO_QUOTE
    assert order(day, 5_000, second=resume + 25.5).shares == 90
    assert order(day, 5_000, second=resume + 30.5).shares == 180


def test_what_happened_counts_not_what_was_received() -> None:
    """A book change at T - 0.1 that was received at T + 0.1 is in force at T; one that happened at T + 0.05 is not."""
    day = made_day([Q, (T + 0.1, 5.1, 5.13, 600, 600), (T + 0.2, 6.0, 6.03, 600, 600)])
    quotes = day.quotes.copy()
    quotes["ts_event"][1] = at(day, T - 0.1)
    quotes["ts_event"][2] = at(day, T + 0.05)
    assert order(dataclasses.replace(day, quotes=quotes), 100).mid == pytest.approx(5.115)
    quotes["ts_event"][1] = at(day, T + 0.01)
    assert order(dataclasses.replace(day, quotes=quotes), 100).mid == pytest.approx(5.015)


def test_a_busy_second_is_searched_not_sampled() -> None:
    times = NINE_THIRTY + 40 + np.linspace(0, 0.999, 3_000)
    day = made_day([(t, 5.0 + 0.01 * (i % 7), 5.1 + 0.01 * (i % 7), 600, 600) for i, t in enumerate(times)])
    for second in (NINE_THIRTY + 40.0, T, NINE_THIRTY + 40.998, NINE_THIRTY + 41.5):
        row = np.searchsorted(day.quotes["ts_event"], at(day, second), side="right") - 1
        mid = (day.quotes["bid"][row] + day.quotes["ask"][row]) / 2e9
        assert order(day, 100, second=second).mid == pytest.approx(mid)


def latencies(count: int, *overrides: str, key: int = 7) -> np.ndarray:
    rules = Rules(settings(*overrides).simulation)
    lane = np.zeros(1, LANE)[0]
    lane["key"] = key
    drawn = np.array([latency_nb(lane, rules.table[0]) for _ in range(count)]) / 1e6
    assert lane["orders"] == count
    return drawn


def test_lognormal_latency_is_what_was_measured() -> None:
    """20 ms + LogNormal(ln 100 ms, 0.8): median 120, p95 393, p99 663 ms."""
    ms = latencies(40_000)
    assert np.percentile(ms, [50, 95, 99]) == pytest.approx([120, 393, 663], rel=0.03)
    assert ms.min() > 20
    assert np.array_equal(ms[:100], latencies(100))
    assert not np.array_equal(ms[:100], latencies(100, key=8))
    assert abs(np.corrcoef(ms[1:], ms[:-1])[0, 1]) < 0.02


def test_fixed_and_empirical_latency(tmp_path) -> None:
    assert set(latencies(50, "simulation/latency=fixed", "simulation.latency.params.ms=35")) == {35.0}
    file = tmp_path / "measured.txt"
    file.write_text("# round trips\n30\n10\n20\n200\n")
    ms = latencies(30_000, "simulation/latency=empirical", f"simulation.latency.file={file}")
    assert (ms.min(), ms.max()) == (pytest.approx(10, abs=0.1), pytest.approx(200, abs=0.1))
    assert np.percentile(ms, [100 / 3, 50, 200 / 3]) == pytest.approx([20, 25, 30], rel=0.03)
    file.write_text("5\n")
    assert set(latencies(5, "simulation/latency=empirical", f"simulation.latency.file={file}")) == {5.0}


@pytest.mark.parametrize("text", ["", "ten", "10\n-1", "nan", "1 2\n3 4"])
def test_bad_latency_files_are_refused(tmp_path, text: str) -> None:
    file = tmp_path / "measured.txt"
    file.write_text(text)
    with pytest.raises(DataError, match="latencies") as caught:
        latencies(1, "simulation/latency=empirical", f"simulation.latency.file={file}")
    assert "measured.txt" in caught.value.where


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["simulation.fill.model=l1_wlk"], "l1_walk"),
        (["simulation.latency.model=fixt"], "fixed"),
        (["+simulation.fill.params.partcipation=1"], "participation"),
        (["~simulation.fill.params.impact"], "needs impact"),
        (["simulation.fill.params.displayed_share=1.5"], "displayed_share is 1.5"),
        (["simulation.latency.params.sigma=-1"], "sigma is -1"),
        (["simulation/latency=empirical", "simulation.latency.file=''"], "needs a file"),
        (["simulation.latency.file=nowhere.txt"], "takes no file"),
    ],
)
def test_models_that_cannot_be_are_refused(words: list[str], near: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Rules(settings(*words).simulation)
    assert near in caught.value.text()


def test_comparison_models() -> None:
    """However much, however thin: all at the ask, or at the mid."""
    touch, mid = (order(steady_day(), 50_000, f"simulation/fill={name}") for name in ("touch", "mid"))
    assert touch[:3] == (Reason.FILLED, 50_000, 5.03)
    assert mid[:3] == (Reason.FILLED, 50_000, 5.015)
    assert order(halted_day(), 100, "simulation/fill=mid", second=NINE_THIRTY + 700.0).reason is Reason.HALTED


def test_limits_keep_to_ticks_and_bands() -> None:
    rules = Rules(settings().simulation).table[0]
    row = np.zeros(len(Market))
    row[Market.LULD_HIGH] = inf
    for kernel in both(limit_nb):
        assert kernel(5_030_000_000, 1, rules, row) == 5_130_000_000
        assert kernel(5_000_000_000, -1, rules, row) == 4_900_000_000
        assert kernel(5_010_000_000, -1, rules, row) == 4_910_000_000  # 4.9098 up to its tick
        assert kernel(512_300_000, 1, rules, row) == 522_500_000
    band = row.copy()
    band[[Market.LULD_LOW, Market.LULD_HIGH]] = 4.95, 5.05
    assert limit_nb(5_030_000_000, 1, rules, band) == 5_050_000_000
    assert limit_nb(5_000_000_000, -1, rules, band) == 4_950_000_000


@given(
    cents=st.integers(101, 2_000),
    spread=st.integers(1, 8),
    displayed=st.integers(1, 400),
    wanted=st.integers(1, 600),
    used=st.integers(0, 300),
    side=st.sampled_from([1, -1]),
)
@examples(max_examples=60, deadline=None)
def test_ladder_against_a_walk_share_by_share(
    cents: int, spread: int, displayed: int, wanted: int, used: int, side: int
) -> None:
    """The closed form equals handing out the shares one by one, in exact fractions."""
    touch = cents * 10_000_000
    step = ceil(Fraction(spread, 2)) * 10_000_000
    level = floor(Fraction(3, 10) * displayed)
    limit = touch + side * touch // 50
    shares: list[int] = []
    price = touch
    while side * (limit - price) >= 0 and level:
        shares += [price] * level
        price += side * step
    taken = shares[used : used + wanted]
    ticket = np.zeros(1, TICKET)
    row = ticket[0]
    row["side"], row["touch"], row["limit"], row["displayed"] = side, touch, limit, displayed
    row["spread"], row["tick"], row["volume_30s"] = spread * 10_000_000, 10_000_000, 1e9
    row["wanted"], row["used"] = wanted, used
    params = np.array([(0.3, 0.5, 0.0, 1.0, 0.0)], L1_WALK.layout)[0]
    L1_WALK.function.__wrapped__(row, params)
    assert row["shares"] == len(taken)
    if taken:
        exact = Fraction(sum(taken), len(taken) * 10**9)
        assert row["price"] == pytest.approx(float(exact), rel=1e-12)


@given(q=st.floats(1, 1e5), flow=st.floats(0, 1e5), volume=st.floats(1e4, 1e8), sigma=st.floats(0.05, 3))
@examples(max_examples=50, deadline=None)
def test_impact_is_the_mean_of_the_square_root_law(q: float, flow: float, volume: float, sigma: float) -> None:
    """c is the mean over the order of Y * sigma * sqrt(x / V), by quadrature."""
    ticket = np.zeros(1, TICKET)[0]
    ticket["mid"], ticket["sigma"], ticket["volume"], ticket["flow"] = 1e-9, sigma, volume, flow
    x = flow + (np.arange(20_000) + 0.5) / 20_000 * q
    mean = sigma * np.sqrt(x / volume).mean()
    for kernel in both(pushed_nb):
        assert kernel(ticket, 1.0, q) == pytest.approx(mean, rel=1e-5)
    assert mean <= sigma * sqrt((flow + q) / volume)
