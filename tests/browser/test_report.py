"""A real report of a real backtest on the sample market, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from agent.explaining import ENTRY, EXIT, telling_trades
from data.layout import Bar
from metrics.explanation import Stratum
from tests.support.explanations import made_decision
from tests.support.reports import Told, sample_report
from utils.web.text import share

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CENT = 0.005
OPENS_WITHIN_MS = 4_000
"""A machine that is busy with other tests is given twice the time."""
UP, DOWN = (11, 132, 87), (209, 41, 61)
"""Candles in the light theme, as in day_chart.js."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return sample_report(tmp_path_factory.mktemp("sample_report"))


class Opened:
    """The report in a tab, with what went wrong there."""

    def __init__(self, browser: Browser, path: Path, address: str = "", **options: Any) -> None:
        self.page: Page = browser.new_page(viewport={"width": 1280, "height": 900}, **options)
        self.wrong: list[str] = []
        self.page.on("console", lambda said: self.wrong.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda asked: self._asked(asked.url))
        self._own = path.as_uri()
        self.page.goto(self._own + address)
        self.page.wait_for_selector("body[data-drawn=yes]")

    def _asked(self, url: str) -> None:
        if url.split("#", maxsplit=1)[0] != self._own and not url.startswith(("data:", "blob:")):
            self.wrong.append(f"request: {url}")

    def run(self, code: str) -> Any:
        return self.page.evaluate(code)


@pytest.fixture
def opened(browser: Browser, report: Told) -> Iterator[Opened]:
    made = Opened(browser, report.path, color_scheme="light")
    yield made
    made.page.close()
    assert made.wrong == []


def amount(text: str) -> float:
    sign = -1 if text.startswith("-") else 1
    return sign * float(text.lstrip("+-").lstrip("$").replace(",", ""))


def candles_seen(shot: bytes) -> dict[tuple[int, int, int], int]:
    """Pixels of rising and falling candles."""
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).reshape(-1, 3).astype(int)
    return {colour: int((np.abs(pixels - colour).max(axis=1) < 12).sum()) for colour in (UP, DOWN)}


def test_it_opens_fast_with_every_figure(opened: Opened, report: Told) -> None:
    assert opened.run("performance.getEntriesByName('drawn')[0].startTime") < OPENS_WITHIN_MS
    assert opened.page.inner_text("#verdict") == report.verdict.word
    assert "SYNTHETIC MARKET" in opened.page.inner_text("h1")
    days = pl.read_parquet(report.path.parent / "days.parquet")
    rows = opened.page.locator("#days-table tbody tr")
    assert rows.count() == len(days)
    for lane, row in enumerate(days.iter_rows(named=True)):
        cells = rows.nth(lane).locator("td").all_inner_texts()
        assert cells[:2] == [str(row["date"]), row["symbol"]]
        assert amount(cells[5]) == pytest.approx(row["agent"], abs=CENT)
        assert cells[5 + 6] == share(row["capture"], 1)
    net = opened.page.locator(".tile strong").first.inner_text()
    assert amount(net) == pytest.approx(days["agent"].sum(), abs=CENT)


def test_all_round_trips_are_listed_and_sort_and_filter(opened: Opened, report: Told) -> None:
    trades = pl.read_parquet(report.path.parent / "trades.parquet")
    assert f"{len(trades):,} of {len(trades):,} round trips" in opened.page.inner_text("#counted")
    opened.page.get_by_role("button", name="net", exact=True).click()
    assert _nets(opened)[0] == pytest.approx(trades["pnl"].max(), abs=CENT)
    opened.page.get_by_role("button", name="net", exact=True).click()
    assert _nets(opened)[0] == pytest.approx(trades["pnl"].min(), abs=CENT)
    symbol = trades["symbol"][0]
    opened.page.fill("#filter", symbol.lower())
    own = trades.filter(pl.col("symbol") == symbol)
    told = opened.page.inner_text("#counted")
    assert told.startswith(f"{len(own):,} of ")
    assert amount(told.split(", ")[-1].split()[0]) == pytest.approx(own["pnl"].sum(), abs=0.01 * len(own))
    opened.page.fill("#filter", "nothing is called that")
    assert "No round trip matches" in opened.page.inner_text("#trips")


def _nets(opened: Opened) -> list[float]:
    return [
        amount(text) for text in opened.page.locator("#trips tbody tr[data-trip] td:nth-child(10)").all_inner_texts()
    ]


def test_what_is_drawn_is_what_the_day_was(opened: Opened, report: Told) -> None:
    """Bars, position and P&L as the page unpacked them."""
    run, lane = report.result.policy, len(report.days) - 1
    assert run.trace is not None
    opened.run(f"showDay({lane})")
    bars = report.days[lane].bars
    for name, column in (("open", Bar.OPEN), ("high", Bar.HIGH), ("low", Bar.LOW), ("close", Bar.CLOSE)):
        drawn = np.array(opened.run(f"Array.from(view.chart.day.bars.{name})"))
        known = bars[:, Bar.CLOSE] > 0
        np.testing.assert_allclose(drawn[known], bars[known, column], atol=5.1e-5)
    np.testing.assert_array_equal(opened.run("Array.from(view.chart.day.bars.volume)"), bars[:, Bar.VOLUME])
    own = run.orders.filter((pl.col("lane") == lane) & (pl.col("by") == "agent") & (pl.col("filled") == 0))
    refused = opened.run("view.chart.day.refusals")
    assert [(one["second"], one["text"]) for one in refused] == [
        (row["second"], row["reason"].replace("_", " ")) for row in own.iter_rows(named=True)
    ]
    rows = run.trace.length(lane)
    drawn = opened.run("Array.from(view.chart.day.panes[0].series[0].values)")
    np.testing.assert_array_equal(drawn, run.trace.position[:rows, lane])
    pnl = opened.run("Array.from(view.chart.day.panes[1].series.find((s) => s.name === 'agent').values)")
    assert pnl[-1] == pytest.approx(run.pnl[lane], abs=CENT)
    value = opened.run(
        "Array.from(view.chart.day.panes[2].series.find((s) => s.name === 'value').values, (x) => x === x ? x : null)"
    )
    expected = run.trace.value[:rows, lane]
    np.testing.assert_allclose(np.array(value, np.float64), expected, atol=1e-4)


def test_a_click_on_a_trade_shows_it_on_its_candles(opened: Opened, report: Told) -> None:
    trades = report.result.policy.trades
    row = opened.page.locator("#trips tbody tr[data-trip]").nth(3)
    trade = trades.row(int(row.get_attribute("data-trip") or -1), named=True)
    row.click()
    opened.page.wait_for_function("view.trip === 3")
    opened.page.wait_for_function("!view.chart.target")
    first, last = opened.run("view.chart.range()")
    assert first <= trade["entry_second"] <= trade["exit_second"] <= last
    assert last - first < 10 * trade["held_s"] + 200
    assert opened.run("view.lane") == trade["lane"]
    assert f"{trade['shares']:,.0f} shares" in opened.page.inner_text("#status")
    assert opened.page.evaluate("document.querySelector('#trips tr.chosen').dataset.trip") == "3"


def test_a_trade_tells_what_spoke_for_it(opened: Opened, report: Told) -> None:
    chosen = telling_trades(report.result.policy, 20)
    both = chosen.filter(pl.col(ENTRY).is_not_null() & pl.col(EXIT).is_not_null())
    ends = chosen.select((pl.col(ENTRY).is_not_null().cast(int) + pl.col(EXIT).is_not_null()).sum()).item()
    assert opened.run("Object.keys(why).length") == ends
    opened.page.fill("#filter", "why entry why exit")
    assert opened.page.inner_text("#counted").startswith(f"{len(both)} of ")
    opened.page.locator("#trips tbody tr[data-trip]").first.click()
    opened.page.wait_for_function("view.trip >= 0")
    trade = report.result.policy.trades.row(opened.run("view.trip"), named=True)
    row = both.filter((pl.col("lane") == trade["lane"]) & (pl.col("trip") == trade["trip"])).row(0, named=True)
    for stratum, column in ((Stratum.ENTRY, ENTRY), (Stratum.EXIT, EXIT)):
        told = made_decision(row["symbol"], row["date"], row[column], stratum)
        section = opened.page.locator(f"#trip-why section[aria-label='Causes of the {stratum}']")
        cells = section.locator("tbody tr").first.locator("th, td").all_inner_texts()
        cause = told.causes[0]
        assert cells[0] == cause.name.replace("_", " ")
        assert (cells[1], cells[3]) == (f"{cause.value:+.3g}", f"{100 * cause.share:+.1f} %")
        assert section.locator("tbody tr").count() == len(told.causes)
        assert f"most {row[column] % 9 + 1} s back" in section.inner_text()
    # one that was not explained, and none
    opened.page.fill("#filter", "")
    small = opened.run("T.lane.findIndex((_, i) => !explainedEnds(i).length)")
    opened.run(f"openTrip({small})")
    opened.page.wait_for_function(f"view.trip === {small}")
    assert "explain.trades" in opened.page.inner_text("#trip-why")
    opened.run("choose(-1)")
    assert not opened.page.locator("#trip-why").is_visible()
    assert opened.page.locator("#why svg[aria-label^='Strongest features'] rect").count() > 10


def test_keys_go_from_trade_to_trade_and_day_to_day(opened: Opened, report: Told) -> None:
    opened.page.focus("#day-chart")
    lane = opened.run("view.lane")
    opened.page.keyboard.press("ArrowRight")
    opened.page.keyboard.press("ArrowRight")
    assert opened.run("tripsOf(view.lane).indexOf(view.trip)") == 1
    opened.page.keyboard.press("ArrowLeft")
    assert opened.run("tripsOf(view.lane).indexOf(view.trip)") == 0
    opened.page.keyboard.press("Shift+ArrowRight")
    opened.page.wait_for_function(f"view.lane === {lane + 1}")
    day = report.days[lane + 1]
    assert opened.page.inner_text("#status").startswith(f"{day.symbol} {day.date}")
    opened.page.focus("#trips")
    opened.page.keyboard.press("End")
    opened.page.keyboard.press("Enter")
    opened.page.wait_for_function(f"view.trip === {len(report.result.policy.trades) - 1}")


def test_candles_are_painted_at_every_zoom_and_gone_with_their_day(opened: Opened) -> None:
    chart = opened.page.locator("#day-chart")
    chart.scroll_into_view_if_needed()
    lengths: list[int] = []
    for seconds in (0, 3600, 300):
        opened.run(f"zoom({seconds})")
        opened.page.wait_for_function("!view.chart.target")
        lengths.append(opened.run("view.chart.length"))
        seen = candles_seen(chart.screenshot())
        assert min(seen.values()) > 50, seen
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == 1
    before = chart.screenshot()
    opened.page.click("#day-after")
    opened.page.wait_for_timeout(300)
    assert chart.screenshot() != before


def test_a_wheel_zooms_in_and_keeps_its_place(opened: Opened) -> None:
    box = opened.page.locator("#day-chart").bounding_box()
    assert box is not None
    opened.page.locator("#day-chart").scroll_into_view_if_needed()
    opened.page.mouse.move(
        box["x"] + box["width"] / 2,
        opened.run("document.getElementById('day-chart').getBoundingClientRect().top") + 150,
    )
    first, last = opened.run("view.chart.range()")
    for _ in range(12):
        opened.page.mouse.wheel(0, -240)
        opened.page.wait_for_timeout(30)
    opened.page.wait_for_timeout(100)
    a, b = opened.run("view.chart.range()")
    assert b - a < (last - first) / 3
    assert a < (first + last) / 2 + 0.1 * (last - first)
    assert b > (first + last) / 2 - 0.1 * (last - first)
    assert opened.run("view.chart.length") < 300


def test_a_day_jumps_to_its_chart_and_the_table_sorts(opened: Opened, report: Told) -> None:
    opened.page.locator("#days-table th button", has_text="agent").click()
    worst = int(np.argmax(report.result.policy.pnl))
    row = opened.page.locator("#days-table tbody tr").first
    assert row.get_attribute("data-lane") == str(worst)
    row.click()
    opened.page.wait_for_function(f"view.lane === {worst}")
    assert opened.run("Math.abs(byId('day').getBoundingClientRect().top) < 200")


def test_the_oracle_has_an_axis_of_its_own(opened: Opened) -> None:
    button = opened.page.locator("#equity-runs button", has_text="oracle")
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    assert opened.run("equity.chart.priceScale('left').options().visible")


def test_dark_is_dark_and_paper_is_light(browser: Browser, report: Told) -> None:
    opened = Opened(browser, report.path, color_scheme="dark")
    shot = Image.open(io.BytesIO(opened.page.screenshot())).convert("L")
    assert np.median(np.asarray(shot)) < 60
    opened.run("dispatchEvent(new Event('beforeprint'))")
    assert opened.run("byId('day-paper').src.length") > 10_000
    opened.page.emulate_media(media="print")
    assert opened.page.locator("#day-paper").is_visible()
    assert not opened.page.locator("#day-chart").is_visible()
    opened.page.close()
    assert opened.wrong == []


def test_an_address_leads_to_a_day_or_a_trade(browser: Browser, report: Told) -> None:
    for address, found in (("#day-1", "view.lane === 1 && view.trip === -1"), ("#trade-2", "view.trip === 2")):
        opened = Opened(browser, report.path, address)
        assert opened.run(found)
        opened.page.close()
        assert opened.wrong == []


def test_arrays_that_grow_are_drawn(opened: Opened) -> None:
    """As a live chart uses it: seconds are written in place, then shown."""
    opened.run("zoom(0)")
    opened.page.wait_for_function("!view.chart.target")
    span = opened.run("view.chart.range()")
    opened.run(
        "for (const name of ['high', 'close']) view.chart.day.bars[name].fill(1000, view.chart.day.seconds - 2000)"
    )
    opened.run("view.chart.refresh()")
    opened.page.wait_for_function("!view.chart.target")
    assert opened.run("view.chart.range()") == pytest.approx(span)
    assert opened.run("view.chart.candles.data().at(-1).high") == 1000
