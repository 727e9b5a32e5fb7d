"""The capacity plan: its arithmetic by hand, and the page as its figures say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from data.data_manager import open_data
from data.layout import SECONDS
from feature.extractor import FeatureExtractor
from scripts.bench.days import BenchDays
from scripts.capacity.__main__ import FIGURES, PAGE, exit_code, parser, question_of, run, text_of
from scripts.capacity.plan import Question, dollars, heaviest, market, search, total
from scripts.capacity.units import Units, units_of_day
from simulators.market_simulator import MarketSimulator
from tests.scripts.test_bench_universe import MADE
from tests.support.configs import load_config
from utils.errors import EXIT_USER_ERROR

UNITS = Units(
    read_s=0.1,
    timeline_s=0.2,
    features_s=0.3,
    judge_s=0.4,
    screen_s=0.0005,
    judged_bars_s=0.05,
    step_s=0.001,
    start_s=5.0,
    backtest_day_s=2.0,
    records=1e5,
    file_bytes=2e6,
    day_bytes=2e7,
    features_bytes=3e7,
    shared_day_bytes=2e6,
    shared_features_bytes=8e6,
    verdict_bytes=1e3,
)
QUESTION = Question(
    symbols=1000,
    sessions=100,
    active=0.01,
    kept=0.001,
    trials=10,
    trial_steps=1000,
    trial_days=4,
    cores=2,
    core_hour=0.1,
    gb_month=0.02,
)


def test_a_market_by_hand() -> None:
    """100,000 symbol-days: 1,000 active, 100 kept."""
    costs = {cost.what: cost for cost in market(QUESTION, UNITS, [MADE])}
    assert costs["daily bars screened"].cpu_s == pytest.approx(50)
    assert costs["one-second days judged"].cpu_s == pytest.approx(50)
    assert costs["one-second days judged"].local_bytes == pytest.approx(1000 * 1e5)  # 1 MB for 10 days
    assert costs["mbp-1 days read and built"].cpu_s == pytest.approx(30)
    assert costs["features made and kept"][2:] == pytest.approx((30, 3e9, 8e8))
    every = total(list(costs.values()))
    assert every.cpu_s == pytest.approx(50 + 50 + 30 + 40 + 30)
    assert dollars(every, QUESTION)[0] == pytest.approx(200 / 3600 * 0.1)


def test_a_search_by_hand() -> None:
    costs = search(QUESTION, UNITS)
    assert [cost.cpu_s for cost in costs] == pytest.approx([50, 10, 80])
    assert heaviest(costs) == ("backtest days", pytest.approx(80 / 140))


def test_the_page_is_what_its_figures_say() -> None:
    assert text_of(json.loads(FIGURES.read_text()), question_of(parser().parse_args([]))) == PAGE.read_text()


def test_other_sizes_and_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--known", "--symbols", "1000", "--trials", "200", "--core-hour", "1"]) == 0
    printed = capsys.readouterr().out
    assert "## 1,000 symbols x 250 sessions" in printed and "## 200 trials" in printed
    assert exit_code(run, ["--known", "--cores", "0"]) == EXIT_USER_ERROR
    assert exit_code(run, ["--known", "data.cache=x"]) == EXIT_USER_ERROR


def test_units_of_a_day(sample_folder: Path, tmp_path: Path) -> None:
    words = [f"data.folder={sample_folder}", "data.source=files", f"data.cache={tmp_path}"]
    config = load_config("momentum_training", words)
    data = open_data(config.data, config.sample, config.timeline)
    simulator, extractor = MarketSimulator(data, config.timeline, tmp_path), FeatureExtractor(config.feature, tmp_path)
    symbol = data.symbols()[0]
    day = simulator.day(symbol, data.sessions(symbol)[1])
    found = units_of_day(BenchDays(config, data, simulator, extractor, [day]), day)
    assert found["records"] >= len(day.trades) > 100
    assert found["day_bytes"] > 8 * SECONDS > found["verdict_bytes"] > 100
    assert found["shared_day_bytes"] < found["day_bytes"]
    assert min(found["read_s"], found["timeline_s"], found["features_s"], found["judge_s"]) > 0
