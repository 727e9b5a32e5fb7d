"""The frontier of cash by shares: merged, cut and searched as a plain grid would be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from simulators.execution_simulator import Rules
from simulators.layout import LANE
from simulators.oracle_kernels import (
    clip_nb,
    end_nb,
    grown_nb,
    latencies_nb,
    outcomes_nb,
    trade_nb,
    within_nb,
)
from tests.support.simulation import both, settings
from utils.seeding import key

Pieces = list[tuple[float, float]]
PIECES = st.lists(st.tuples(st.integers(1, 6).map(float), st.integers(-9, -1).map(float)), min_size=1, max_size=5)
START = st.tuples(st.integers(-4, 4).map(float), st.integers(0, 60).map(float))


def falling(pieces: Pieces) -> np.ndarray:
    line = np.zeros((2, 64))
    for i, piece in enumerate(sorted(pieces, key=lambda p: -p[1])):
        line[:, i] = piece
    return line


def values(line: np.ndarray, count: int, head: np.ndarray) -> dict[int, float]:
    """Cash at whole shares."""
    shares = head[0] + np.concatenate([[0.0], np.cumsum(line[0, :count])])
    cash = head[1] + np.concatenate([[0.0], np.cumsum(line[0, :count] * line[1, :count])])
    grid = np.arange(np.ceil(shares[0] - 1e-9), shares[-1] + 1e-9)
    return dict(zip(grid.astype(int).tolist(), np.interp(grid, shares, cash).tolist(), strict=True))


@pytest.mark.parametrize("python", [False, True])
@examples(max_examples=60, deadline=None)
@given(PIECES, START, PIECES, st.integers(0, 6))
def test_an_order_at_choice_is_the_best_of_all_sums(
    python: bool, front: Pieces, start: tuple[float, float], order: Pieces, sold: int
) -> None:
    line, out = falling(front), np.zeros((2, 64))
    head = np.array(start)
    before = values(line, len(front), head)
    ordered = falling(order)
    size = np.concatenate([[0.0], np.cumsum(ordered[0, : len(order)])])
    cash = np.concatenate([[0.0], np.cumsum(ordered[0, : len(order)] * ordered[1, : len(order)])])
    trade = np.array([size - min(sold, size[-1]), cash + 7.0 * sold])
    count = both(trade_nb)[python](line, len(front), head, trade, trade.shape[1], out)
    slopes = out[1, :count]
    assert (np.diff(slopes) < 0).all()
    alone = values(ordered, len(order), trade[:, 0])
    best: dict[int, float] = {}
    for q, c in before.items():
        for x, y in alone.items():
            best[q + x] = max(best.get(q + x, -np.inf), c + y)
    got = values(out, count, head)
    assert got.keys() == best.keys()
    for q, c in best.items():
        assert got[q] == pytest.approx(c)


@pytest.mark.parametrize("python", [False, True])
@examples(max_examples=60, deadline=None)
@given(PIECES, START, st.integers(-6, 10), st.integers(0, 20))
def test_cutting_leaves_the_rest_as_it_was(
    python: bool, front: Pieces, start: tuple[float, float], low: int, width: int
) -> None:
    line, out, head = falling(front), np.zeros((2, 64)), np.array(start)
    right = end_nb(line, len(front), head)
    low = min(low, int(right))
    before = values(line, len(front), head)
    count = both(clip_nb)[python](line, len(front), head, float(low), float(low + width), out)
    kept = {q: c for q, c in before.items() if low <= q <= low + width}
    assert values(out, count, head) == (pytest.approx(kept) if kept else {int(head[0]): pytest.approx(head[1])})


@pytest.mark.parametrize("python", [False, True])
@examples(max_examples=60, deadline=None)
@given(PIECES, START, st.integers(-5, 5), st.integers(-20, 20))
def test_within_finds_where_an_account_is_sound(
    python: bool, front: Pieces, start: tuple[float, float], per_share: int, fixed: int
) -> None:
    line, head = falling(front), np.array(start)
    first, last = both(within_nb)[python](line, len(front), head, 2.0, float(per_share), float(fixed))
    for q, c in values(line, len(front), head).items():
        sound = 2.0 * c + per_share * q + fixed
        if abs(sound) > 1e-9:
            assert (sound > 0) == (first <= q <= last and first < np.inf and sound > 0)
            assert sound < 0 or first <= q <= last


@pytest.mark.parametrize("python", [False, True])
def test_an_order_does_not_do_both_sides(python: bool) -> None:
    """Bid 12, ask 10 at different moments: buying ten and selling ten are outcomes, both at once is not."""
    sells, buys = np.array([[0.0, 10.0], [0.0, 120.0]]), np.array([[0.0, 10.0], [0.0, -100.0]])
    trade = np.zeros((2, 8))
    count = both(outcomes_nb)[python](sells, 2, buys, 2, trade)
    assert trade[:, :count].tolist() == [[-10, 10], [120, -100]]
    crossed = np.array([[0.0, 10.0], [0.0, 90.0]])
    count = both(outcomes_nb)[python](crossed, 2, buys, 2, trade)
    assert trade[:, :count].tolist() == [[-10, 0, 10], [90, 0, -100]]


def test_lists_grow_and_keep_what_they_hold() -> None:
    lines = np.arange(12.0).reshape(2, 2, 3)
    assert grown_nb(lines, 3) is lines
    larger = grown_nb(lines, 5)
    assert larger.shape == (2, 2, 10)
    np.testing.assert_array_equal(larger[:, :, :3], lines)


def test_latencies_are_those_the_lane_draws() -> None:
    rules = Rules(settings().simulation)
    lane = np.zeros(1, LANE)[0]
    lane["key"] = key(0, "lane", 3)
    reach = latencies_nb(lane, rules.table, 500)
    assert lane["orders"] == 500
    assert (np.diff(reach[:, 0]) <= 0).all()
    assert (np.diff(reach[:, 1]) >= 0).all()
    assert (reach[:, 0] >= 20e6).all()
    assert reach[0, 0] == reach[0, 1]
