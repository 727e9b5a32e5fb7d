"""`inspect-features`: a page that shows what the model sees, loads nothing, and refuses what does not exist."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.data_manager import open_data
from feature.docs import TELLING
from feature.extractor import FeatureExtractor
from feature.feature_day import FeatureDay
from scripts.inspect_features.__main__ import main
from scripts.inspect_features.page import UNKNOWN
from simulators.market_simulator import MarketSimulator
from tests.support.configs import load_config
from utils.errors import EXIT_USER_ERROR

SYMBOL, DATE = "MLGO", "2025-03-12"
MOST_BYTES = 6_000_000
HALF_STEP = 1 / 500


@pytest.fixture(scope="module")
def words(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The small sample market as files of one's own."""
    cache = tmp_path_factory.mktemp("inspect")
    return ["data.source=files", f"data.folder={sample_folder}", f"data.cache={cache}"]


@pytest.fixture(scope="module")
def whole(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a whole day with the default choice."""
    out = tmp_path_factory.mktemp("page") / "day.html"
    assert main(["--symbol", SYMBOL.lower(), "--date", DATE, "--out", str(out), "--", *words]) == 0
    return out


def told(path: Path) -> dict[str, Any]:
    """What the page's script is given."""
    found = re.search(r"<script>const page=(.*);$", path.read_text(), re.MULTILINE)
    assert found
    return json.loads(found[1].replace("<\\/", "</"))


def decoded(page: dict[str, Any]) -> dict[str, np.ndarray]:
    """Values by row, NaN where unknown."""
    codes = np.frombuffer(zlib.decompress(base64.b64decode(page["codes"])), "<i2").reshape(len(page["rows"]), -1)
    rows = zip(page["rows"], codes, strict=True)
    return {r["name"]: np.where(c == UNKNOWN, np.nan, r["offset"] + r["step"] * c) for r, c in rows}


def features_of(words: list[str], date: str) -> tuple[FeatureDay, FeatureExtractor]:
    config = load_config("scan", words)
    data = open_data(config.data, config.sample, config.timeline)
    cache = Path(config.data.cache)
    extractor = FeatureExtractor(config.feature, cache)
    day = MarketSimulator(data, config.timeline, cache).day(SYMBOL, dt.date.fromisoformat(date))
    return extractor.build(day), extractor


def test_one_telling_feature_of_each_family(whole: Path) -> None:
    text = whole.read_text()
    by_second = {row["name"] for row in told(whole)["rows"]}
    for family, (first, *_) in TELLING.items():
        assert family == "daily" or first in by_second
        assert f"<tr class=chosen><td>{first}</td><td>{family}</td>" in text
    assert "daily_return" in json.dumps(told(whole)["sessions"])
    assert "synthetic market" in text


def test_the_page_is_light_and_loads_nothing(whole: Path) -> None:
    text = whole.read_text()
    assert whole.stat().st_size < MOST_BYTES
    assert not re.search(r"<(script|img|iframe)[^>]*\ssrc|<link|@import|url\(\s*['\"]?http", text)


def test_values_are_those_of_the_model_at_the_second_they_are_known(whole: Path, words: list[str]) -> None:
    found = decoded(told(whole))
    day, extractor = features_of(words, DATE)
    for branch in ("hf", "static", "mf"):
        for name in extractor.schema.names[branch]:
            if name not in found:
                continue
            column = getattr(day, branch)[:, extractor.schema.names[branch].index(name)]
            if branch == "mf":  # row m from second 60 (m + 1) on, as in FeatureDay.window
                column = np.concatenate([np.zeros(60), np.repeat(column[:-1], 60)])
            np.testing.assert_allclose(np.nan_to_num(found[name]), column, atol=HALF_STEP, err_msg=name)
    assert np.isnan(found["bar_return"][:120]).all()
    assert np.isnan(found["from_open"][: 5 * 3600]).all()


def test_a_span_and_chosen_features(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "part.html"
    arguments = ["--symbol", SYMBOL, "--date", DATE, "--features", "return_5s, ofi_ema_60s", "--from", "09:30"]
    assert main([*arguments, "--to", "09:45", "--out", str(out), *words]) == 0
    assert "2 of" in capsys.readouterr().out
    page = told(out)
    assert [row["name"] for row in page["rows"]] == ["low", "high", "mid", "return_5s", "ofi_ema_60s"]
    assert (page["seconds"], page["bar_s"], len(page["volume"])) == (900, 1, 900)
    assert page["figure"]["layout"]["xaxis"]["range"] == [f"{DATE} 09:30:00", f"{DATE} 09:45:00"]
    assert page["sessions"] is None


def test_the_liveliest_day_is_the_default(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = load_config("scan", words)
    data = open_data(config.data, config.sample, config.timeline)
    dollars = {
        (float(bar["volume"] * bar["close"]), symbol, int(bar["date"]))
        for symbol in data.symbols()
        for bar in data.daily(symbol)
    }
    _, symbol, number = max(dollars)
    assert main(["--family", "tape", "--out", str(tmp_path / "x.html"), *words]) == 0
    date = f"{number // 10_000}-{number // 100 % 100:02}-{number % 100:02}"
    assert capsys.readouterr().out.startswith(f"{symbol} {date}: ")


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["--symbol", "MLG"], "MLGO"),
        (["--symbol", SYMBOL, "--date", "2025-03-09"], "2025-03-10"),
        (["--date", "2025-03-09"], "2025-03-10"),
        (["--date", "12.3.2025"], "--date 2025-04-15"),
        (["--features", "retrun_5s"], "return_5s"),
        (["--features", ","], "names none"),
        (["--family", "flows"], "flow"),
        (["--from", "9.30"], "--from 09:30"),
        (["--from", "03:00"], "04:00 to 20:00"),
        (["--from", "10:00", "--to", "09:30"], "not before"),
        (["data.fodler=x"], "data.folder"),
    ],
)
def test_mistakes_are_told(
    arguments: list[str], near: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, *words]) == EXIT_USER_ERROR
    assert near in capsys.readouterr().err


def test_in_a_browser(whole: Path, browser: Any) -> None:
    """It draws itself, asks for nothing but itself, shows single seconds when zoomed in and values at the mouse."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: pytest.fail(str(error)))
    page.goto(whole.as_uri())
    page.wait_for_selector("body[data-drawn=yes]")
    rows = told(whole)["rows"]
    trace = next(row["trace"] for row in rows if row["name"] == "ofi_30s")
    far = page.evaluate(f"view.data[{trace}].x.length")
    page.evaluate(
        f"Plotly.relayout(view, {{'xaxis.range[0]': '{DATE} 09:30:00', 'xaxis.range[1]': '{DATE} 09:40:00'}})"
    )
    page.wait_for_function(f"view.data[{trace}].x.length < {far} / 2")
    x = page.evaluate(f"view.data[{trace}].x")
    assert x[1] - x[0] == 1000
    page.mouse.move(700, 400)
    page.wait_for_selector("#cross span")
    assert page.locator("#cross span").count() == sum(row["trace"] is not None for row in rows) + 1
    assert re.fullmatch(r"09:3\d:\d\d", page.inner_text("#clock"))
    assert {url.partition(":")[0] for url in asked} <= {"file", "blob"}
    page.close()
