from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from config.schema import LatencyConfig
from scripts.audit_model.checks.sensitivity import IMPACTS, SHARES, SLOWER, Cell, reason_of, stretched

COMBINATIONS = list(itertools.product(SHARES, IMPACTS, SLOWER))


def cells(net: Callable[[float, float, float], float]) -> list[Cell]:
    return [Cell(*chosen, net(*chosen)) for chosen in COMBINATIONS]


def test_there_are_eighteen() -> None:
    assert len(COMBINATIONS) == 18


@pytest.mark.parametrize(
    ("net", "told", "good"),
    [
        (lambda share, impact, slower: 5.0, "earns money in all 18", True),
        (lambda share, impact, slower: 0.0, "does not trade", False),
        (lambda share, impact, slower: -1.0, "loses money in all 18", False),
        (lambda share, impact, slower: 3.0 - slower, "turns negative when latency is 4x (9 of 18", False),
        (lambda share, impact, slower: 1.5 - impact, "turns negative when impact is 2x (6 of 18", False),
        (lambda share, impact, slower: share - 0.2, "when only 15% of the displayed size can be had (6 of 18", False),
        (lambda share, impact, slower: 6.5 - impact * slower, "with 15% of the displayed size, 2 x the impact", False),
    ],
)
def test_what_a_trader_is_told(net: Callable[[float, float, float], float], told: str, good: bool) -> None:
    reason = reason_of(cells(net))
    assert told in reason.text
    assert reason.good is good


def test_a_latency_is_stretched_whatever_it_is_drawn_from(tmp_path: Path) -> None:
    drawn = LatencyConfig("lognormal", {"base_ms": 20.0, "median_ms": 100.0, "sigma": 0.8}, "")
    assert stretched(drawn, 4.0, tmp_path).params == {"base_ms": 80.0, "median_ms": 400.0, "sigma": 0.8}
    measured = tmp_path / "mine.txt"
    measured.write_text("100\n250.5\n")
    given = LatencyConfig("empirical", {"base_ms": 5.0}, str(measured))
    assert stretched(given, 1.0, tmp_path).file == str(measured)
    slow = stretched(given, 4.0, tmp_path / "made")
    assert [float(line) for line in Path(slow.file).read_text().splitlines()] == [400.0, 1002.0]
