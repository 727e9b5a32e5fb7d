from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.statistics.ratios import sharpe
from agent.statistics.sessions import Sessions
from agent.statistics.tear_sheet import offline, write_tear_sheet
from utils.errors import DataError

DATES = tuple(dt.date(2025, 1, 1) + dt.timedelta(days=i) for i in range(40))


@pytest.fixture(scope="module")
def made() -> Sessions:
    return Sessions(DATES, np.random.default_rng(0).normal(20, 200, 40), 10_000.0)


@pytest.fixture(scope="module")
def sheet(made: Sessions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sheet") / "tear_sheet.html"
    write_tear_sheet(made, path, "Backtest of <v3>")
    return path


def test_the_page_has_pictures_and_our_ratio_and_loads_nothing(sheet: Path, made: Sessions) -> None:
    page = sheet.read_text()
    assert page.count("<svg") >= 8
    assert "Backtest of &lt;v3&gt;" in page
    told = re.search(r"<td>Sharpe</td><td>(-?[\d.]+)", re.sub(r"\s+(?=<td)", "", page))
    assert told is not None
    assert float(told[1]) == pytest.approx(sharpe(made.returns), abs=0.006)
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?:https?:)?//|url\(\s*["']?https?:|@import""", page)
    assert "<script" not in page


def test_a_browser_asks_nobody(sheet: Path, browser: Any) -> None:
    page = browser.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(sheet.as_uri())
    assert page.locator("#returns svg, #left svg").first.is_visible()
    page.close()
    assert asked == [sheet.as_uri()]
    assert wrong == []


def test_what_leads_elsewhere_is_cut() -> None:
    page = '<link rel="icon" href="https://x.y/z"><a href="http://q.s" target="q">QS</a><body onload="save()">'
    assert offline(page) == "QS<body>"


@pytest.mark.parametrize("pnl", [np.zeros(40), np.array([1.0, 2.0])])
def test_nothing_to_show(pnl: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="make no tear sheet"):
        write_tear_sheet(Sessions(DATES[: len(pnl)], pnl, 1.0), tmp_path / "t.html", "t")


def test_a_short_series_that_only_wins(tmp_path: Path) -> None:
    path = tmp_path / "t.html"
    write_tear_sheet(Sessions(DATES[:5], np.array([0.0, 0.0, 0.0, 3.0, 4.0]), 1_000.0), path, "t")
    assert "<svg" in path.read_text()
