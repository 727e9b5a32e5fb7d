from __future__ import annotations

import numpy as np
import pytest

from ai.attribution.gradients import Attributions
from ai.attribution.shares import by_row, by_scale, causes, lag_of_features, mean_size, shares, time_scales

COLUMNS = [("hf", 0), ("hf", 1), ("mf", 0), ("lf", 0), ("static", 0), ("portfolio", 0)]
NAMES = [f"{branch}_{column}" for branch, column in COLUMNS]


@pytest.fixture
def made() -> Attributions:
    """Two decisions: hf_0 speaks for at 3 rows back, hf_1 contradicts itself, mf_0 speaks against at 1 row back."""
    hf, mf, lf = np.zeros((2, 6, 2)), np.zeros((2, 3, 1)), np.zeros((2, 30, 1))
    hf[:, 2, 0] = [4.0, 2.0]
    hf[:, 5, 1], hf[:, 4, 1] = 5.0, -5.0
    mf[:, 1, 0] = [-2.0, -2.0]
    lf[:, 0, 0] = 1.0
    static, portfolio = np.full((2, 1), 0.5), np.full((2, 1), -0.5)
    parts = [part.astype(np.float32) for part in (hf, mf, lf, static, portfolio)]
    return Attributions(*parts, *np.zeros((3, 2), np.float32), steps=np.ones(2, np.int64))


def test_sums_over_time_come_before_sizes(made: Attributions) -> None:
    np.testing.assert_allclose(mean_size(made), [3.0, 0.0, 2.0, 1.0, 0.5, 0.5])
    assert shares(mean_size(made)).sum() == pytest.approx(1)
    assert not shares(np.zeros(3)).any()


def test_rows_and_scales_divide_the_shares(made: Attributions) -> None:
    whole, rows, scales = shares(mean_size(made)), by_row(made), time_scales(made)
    assert sum(rows["hf"]) == pytest.approx(whole[:2].sum())
    assert np.argmax(rows["mf"]) == 1
    assert rows["lf"][0] == pytest.approx(whole[3])
    table = by_scale(made, COLUMNS, scales)
    np.testing.assert_allclose(table.sum(1), whole)
    at = {(scale.branch, scale.first): number for number, scale in enumerate(scales)}
    assert table[0, at["hf", 1]] == pytest.approx(whole[0])  # 1 to 3 rows back
    assert table[2, at["mf", 1]] == pytest.approx(whole[2])
    assert table[3, at["lf", 20]] == pytest.approx(whole[3])
    assert table[5, at["portfolio", 0]] == pytest.approx(whole[5])


def test_scales_reach_as_far_as_the_network_sees(made: Attributions) -> None:
    scales = time_scales(made)
    assert [(s.first, s.last, s.text) for s in scales if s.branch == "hf"] == [
        (0, 0, "now"),
        (1, 3, "1-3 s"),
        (4, 5, "4-5 s"),
    ]
    assert [s.last for s in scales if s.branch == "mf"] == [0, 2]


def test_causes_are_signed_strongest_first_with_their_lag(made: Attributions) -> None:
    assert lag_of_features(made)[:4] == [3, 0, 1, 29]
    first, second, *_, last = causes(made.chosen(slice(0, 1)), np.arange(6, dtype=np.float32), NAMES, 4)
    assert (first.name, first.lag, first.value) == ("hf_0", 3, 0.0)
    assert (second.name, second.lag) == ("mf_0", 1)
    assert first.share == pytest.approx(4 / 8)
    assert second.share == pytest.approx(-2 / 8)
    assert last.name != "hf_1"  # it says nothing on the whole
