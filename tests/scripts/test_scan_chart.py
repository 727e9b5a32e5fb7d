"""The page of a momentum day: what it draws, and that it loads nothing."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.layout import MINUTES, SECONDS, Bar, ResetKind
from data.scanner.judge import judge
from scripts.candles import candles
from scripts.scan_chart import MARKS, write_page
from scripts.scan_momentum_days import run as scan
from tests.support.configs import load_config
from tests.support.made_momentum import momentum_day
from tests.support.small_market import small
from utils.errors import ConfigError, DataError


def test_candles_against_pandas() -> None:
    bars = momentum_day().bars
    frame = pd.DataFrame({"minute": np.arange(SECONDS) // 60, "price": bars[:, Bar.CLOSE], "size": bars[:, Bar.VOLUME]})
    minutes = (
        frame[frame["size"] > 0]
        .groupby("minute")
        .agg(
            open=("price", "first"),
            high=("price", "max"),
            low=("price", "min"),
            close=("price", "last"),
            volume=("size", "sum"),
        )
    )
    whole = minutes.reindex(range(MINUTES))
    made = candles(bars, 60)
    assert 500 < len(minutes) < MINUTES  # some minutes without a trade
    for name in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(made[name], whole[name])
    np.testing.assert_allclose(made["volume"], np.nan_to_num(whole["volume"]))


def test_every_kind_has_a_mark() -> None:
    assert set(MARKS) == set(ResetKind)


def test_page_shows_points_halt_and_trigger_and_loads_nothing() -> None:
    day = momentum_day()
    judged = judge(day, load_config("scan", []).scanner)
    row = {**judged.row, "reason": "daily range <90%>"}
    page = write_page(day, row, judged.points)
    assert "synthetic market" in page
    assert "training only" in page
    assert "daily range &lt;90%&gt;" in page
    assert "Trigger" in page
    assert "unknown halt" in page
    for kind, count in zip(*np.unique(judged.points["kind"], return_counts=True), strict=True):
        assert f"{ResetKind(kind).name.lower().replace('_', ' ')} ({count})" in page
    assert page.count("5-minute change") == len(judged.points)
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=", page)


@pytest.mark.slow
def test_the_command_draws_a_chosen_day(tmp_path: Path) -> None:
    words = small(tmp_path)
    out = tmp_path / "day.html"
    assert scan(["--threshold", "0", "--chart", str(out), "--", *words]) == 0
    title = re.search(r"<title>(\w+) ([\d-]+)</title>", out.read_text())
    assert title
    dt.date.fromisoformat(title[2])
    assert scan(["--symbol", title[1], "--date", title[2], "--chart", str(out), "--", *words]) == 0
    with pytest.raises(DataError, match="no day of any symbol to draw on 2001-01-01") as refused:
        scan(["--date", "2001-01-01", "--chart", str(out), "--", *words])
    assert refused.value.near
    with pytest.raises(ConfigError, match="chooses the day of --chart"):
        scan(["--date", title[2], "--", *words])
