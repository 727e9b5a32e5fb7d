"""The page and what lies beside it tell the same figures as the run, and say in words what there is not."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from agent.backtest_days import Found
from agent.baselines.cash import Cash
from agent.ledger import Run
from agent.report import cost_line, terminal_table, verdict_lines
from agent.report.charts import distribution, waterfall
from agent.report.day_view import day_facts
from agent.report.tables import filed, grouped
from agent.report.terminal import steps_of
from agent.statistics.verdict import NO_EVIDENCE
from config.schema import Config
from data.layout import HALT, SECOND_NS, HaltKind
from tests.support.configs import load_config
from tests.support.made_day import made_day, random_day
from tests.support.reports import Swings, Told, made_test, told

START, LAST = 20_000, 21_800
CENT = 0.005
DATES = [dt.date(2025, 4, day) for day in (15, 16, 17)]


@pytest.fixture(scope="module")
def config() -> Config:
    return load_config("momentum_training", [f"backtest.last_second={LAST}", "backtest.random_draws=2"])


@pytest.fixture(scope="module")
def report(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Told:
    made = [random_day(i, symbol=f"S{i}", date=date, quote_every_s=3.0) for i, date in enumerate(DATES)]
    folder = tmp_path_factory.mktemp("report")
    return told(made_test(made, config, START), Swings(120), folder, title="test <model> & co")


@pytest.fixture(scope="module")
def page(report: Told) -> str:
    return report.path.read_text()


def dollars(html: str) -> list[float]:
    """Amounts in cells of figures."""
    cells = re.findall(r"<td[^>]*>([+-]?)\$([\d,.]+)</td>", html)
    return [(-1 if sign == "-" else 1) * float(amount.replace(",", "")) for sign, amount in cells]


def test_the_page_says_synthetic_and_asks_no_other_host(page: str) -> None:
    assert "SYNTHETIC MARKET" in page
    assert "test &lt;model&gt; &amp; co" in page
    assert not re.search(r"""<(script|link|img|iframe)[^>]+(src|href)=["']?https?:""", page)
    assert "https://www.tradingview.com/" in page  # the attribution that the charts' licence asks for


def test_the_verdict_is_on_top_with_every_reason(report: Told, page: str) -> None:
    assert page.index('id="verdict"') < page.index('id="equity"')
    assert report.verdict.word in page
    assert page.count('<li class="') == len(report.verdict.reasons)
    lines = verdict_lines(report.verdict).plain
    assert report.verdict.word.upper() in lines
    assert all(reason.text in lines for reason in report.verdict.reasons)


def test_every_day_is_in_the_table(report: Told, page: str) -> None:
    rows = re.findall(r'<tr data-lane="(\d+)">(.*?)</tr>', page)
    assert [int(lane) for lane, _ in rows] == [0, 1, 2]
    for lane, row in rows:
        assert dollars(row)[0] == pytest.approx(report.result.policy.pnl[int(lane)], abs=CENT)


@pytest.mark.parametrize("by", ["hour_et", "pattern", "quality_range", "closed_by", "symbol"])
def test_groups_add_up(report: Told, by: str) -> None:
    html = grouped(filed(report.result.policy.trades), by, by)
    nets = [dollars(row)[2] for row in re.findall(r"<tr><th scope=.row.*?</tr>", html)]
    assert sum(nets) == pytest.approx(report.result.policy.pnl.sum(), abs=0.5 * len(nets))


def test_the_waterfall_goes_from_gross_to_net(report: Told) -> None:
    svg, steps = waterfall(report.result.policy), steps_of(report.result.policy)
    assert sum(steps.values()) - steps["net"] == pytest.approx(steps["net"], abs=CENT)
    for name in ("half spread", "impact", "latency", "fees"):
        assert f"<title>{name}: " in svg
        assert name in cost_line(report.result.policy)


def test_the_distribution_holds_every_round_trip(report: Told) -> None:
    svg = distribution(report.result.policy.trades)
    assert sum(int(n) for n in re.findall(r": (\d+) round trips</title>", svg)) == len(report.result.policy.trades)


def test_exports_are_the_tables(report: Told) -> None:
    folder, run = report.path.parent, report.result.policy
    for name, frame in (("trades", run.trades), ("fills", run.fills), ("orders", run.orders)):
        assert pl.read_parquet(folder / f"{name}.parquet").equals(frame)
        assert pl.read_csv(folder / f"{name}.csv").columns == frame.columns
    days = pl.read_csv(folder / "days.csv")
    assert pl.read_parquet(folder / "days.parquet").columns == days.columns
    assert days["agent"].to_list() == pytest.approx(run.pnl.tolist())
    assert days["oracle"].to_list() == pytest.approx(report.result.oracle_pnl.tolist())
    assert days["rule"].to_list() == pytest.approx(report.result.baseline_pnl["rule"].tolist())
    assert json.loads((folder / "baselines.json").read_text()) == {}
    evaluation = json.loads((folder / "evaluation.json").read_text())
    assert evaluation["activity"]["net"] == run.pnl.sum()
    assert evaluation["verdict"]["word"] == report.verdict.word


def test_equity_has_a_row_for_every_decision(report: Told) -> None:
    table, run = pl.read_parquet(report.path.parent / "equity.parquet"), report.result.policy
    assert run.trace is not None
    assert len(table) == sum(run.trace.length(lane) for lane in range(3))
    assert {"p_hold", "p_buy", "p_sell", "value", "equity_rule", "equity_buy_and_hold"} <= set(table.columns)
    last = table.group_by("date", maintain_order=True).agg(pl.col("equity", "equity_rule").last())
    capital = last["equity"].to_numpy() - run.pnl
    np.testing.assert_allclose(capital, capital[0], atol=CENT)
    np.testing.assert_allclose(last["equity_rule"], capital + report.result.baseline_pnl["rule"], atol=CENT)


def test_the_tear_sheet_is_beside_it_and_linked(report: Told, page: str) -> None:
    sheet = report.path.parent / "tear_sheet.html"
    assert "quantstats" in sheet.read_text().lower() or "Tearsheet" in sheet.read_text()
    assert f'href="{sheet.name}"' in page


def test_the_terminal_shows_every_day(report: Told) -> None:
    table = terminal_table(report.result, "t")
    assert table.row_count == 3
    assert "rule" in [str(column.header) for column in table.columns]


def test_a_halt_is_shaded_with_its_kind(report: Told) -> None:
    day = report.days[0]
    halts = np.zeros(2, HALT)
    for halt, second, kind in zip(halts, (20_100, 20_900), (HaltKind.LULD, HaltKind.NEWS), strict=True):
        halt["start_ns"], halt["end_ns"] = day.start_ns + second * SECOND_NS, day.start_ns + (second + 300) * SECOND_NS
        halt["kind"] = kind
    halts[1]["inferred"] = 1
    facts = day_facts(report.result, replace(day, halts=halts), 0)
    assert facts["spans"] == [
        {"from": 20_100.0, "to": 20_400.0, "text": "LULD pause"},
        {"from": 20_900.0, "to": 21_200.0, "text": "news halt (inferred)"},
    ]
    assert [moment["text"] for moment in facts["moments"]] == ["open", "close", "found by the scanner"]
    assert facts["notes"] == [{"at": START + 60, "text": "flush"}]


def test_hindsight_is_labelled_wherever_it_shows(config: Config, tmp_path: Path) -> None:
    test = made_test([random_day(0, quote_every_s=3.0)], config, START, Found.ORACLE)
    made = told(test, Swings(120), tmp_path, in_sample=True)
    page = made.path.read_text()
    assert "ORACLE-SELECTED DAYS</span>" in page
    assert "IN SAMPLE</span>" in page
    assert "<td>ORACLE</td>" in page
    assert made.verdict.word == NO_EVIDENCE


def test_one_day_without_a_trade_says_so(config: Config, tmp_path: Path) -> None:
    made = told(made_test([random_day(0, quote_every_s=3.0)], config, START), Cash(), tmp_path)
    page = made.path.read_text()
    assert "It never traded" in page
    assert "Nothing was traded, so nothing was paid." in page
    assert "Tear sheet: none: 1 sessions" in page
    assert not (tmp_path / "tear_sheet.html").exists()
    assert pl.read_parquet(tmp_path / "trades.parquet").is_empty()


def test_a_day_without_quotes_or_trades_says_so(config: Config, tmp_path: Path) -> None:
    made = told(made_test([made_day([])], config, START), Swings(120), tmp_path)
    assert "No trade and no price on this day" in made.path.read_text()
    run: Run = made.result.policy
    assert run.trades.is_empty()
