from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data.layout import HALT, SECOND_NS, SECONDS, Market
from data.market_day import MarketDay
from scripts.audit_features.causality import Future
from scripts.audit_model.other_futures import FUTURES, rows_by_second, with_other_future
from tests.support.made_day import random_day

CUT = 30_000
EVENTS = (("quotes", "quote_rows"), ("trades", "trade_rows"))


@pytest.fixture(scope="module")
def day() -> MarketDay:
    """With a halt before the cut, one over it and one behind it; one quote that happened before and arrived later."""
    made = random_day(3)
    seconds = [(20_000, 20_300), (CUT - 100, CUT + 100), (40_000, 40_300)]
    halts = np.array([(*(made.start_ns + s * SECOND_NS for s in pair), 1, 0) for pair in seconds], HALT)
    quotes = made.quotes.copy()
    late = int(made.quote_rows[CUT])
    quotes["ts_event"][late] = made.start_ns + CUT * SECOND_NS - 1
    return replace(made, halts=halts, quotes=quotes)


def test_rows_are_found_as_the_market_counts_them(day: MarketDay) -> None:
    for events, rows in EVENTS:
        assert np.array_equal(rows_by_second(getattr(day, events), day.start_ns), getattr(day, rows))


@pytest.mark.parametrize("future", FUTURES)
def test_the_past_stays_and_the_future_does_not(day: MarketDay, future: Future) -> None:
    other = with_other_future(day, CUT, future, np.random.default_rng(0))
    begin_ns = day.start_ns + CUT * SECOND_NS
    for name in ("bars", "market"):
        then, now = getattr(day, name), getattr(other, name)
        assert np.array_equal(then[:CUT], now[:CUT])
        assert now.shape == then.shape
        assert not np.array_equal(then[CUT:], now[CUT:])
    for name, rows in EVENTS:
        then, now = getattr(day, name), getattr(other, name)
        past = (then["ts_recv"] < begin_ns) | (then["ts_event"] < begin_ns)
        assert now[: past.sum()].tobytes() == then[past].tobytes()
        assert np.array_equal(getattr(other, rows)[: CUT + 1], getattr(day, rows)[: CUT + 1])
        assert len(getattr(other, rows)) == SECONDS + 1
        assert future is not Future.SILENCE or len(now) == past.sum()
    assert other.quotes.tobytes() != day.quotes.tobytes()
    assert other.key == ""
    assert other.halts["start_ns"].tolist() == day.halts["start_ns"][:2].tolist()
    assert other.halts["end_ns"].tolist() == [day.halts["end_ns"][0], day.start_ns + SECONDS * SECOND_NS]


def test_noise_is_the_same_for_the_same_draws(day: MarketDay) -> None:
    one, two = (with_other_future(day, CUT, Future.NOISE, np.random.default_rng(7)) for _ in range(2))
    assert one.market.tobytes() == two.market.tobytes()
    assert one.quotes.tobytes() == two.quotes.tobytes()
    assert np.isfinite(one.market[:, Market.BID]).all()
