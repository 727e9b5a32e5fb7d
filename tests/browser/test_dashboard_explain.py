"""What the page Explain and a chosen round trip show in a real browser: figures, keys, what is amiss."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser

from data.layout import RESET_POINT
from metrics.dashboard import lifecycle
from metrics.explanation import FAILED, FOLDER, Explanation, Failure, Stratum
from metrics.layout import TRADE_ROW
from metrics.reading import percent, ranked, spoken, summed
from metrics.run_info import DayFacts
from tests.browser.test_dashboard import SIZES, Opened, Theme, Watched
from tests.metrics.dashboard.test_news import STEPS, make_run
from tests.support.explanations import DEAD, made_decision, made_explanation
from tests.support.hubs import a_hub
from tests.support.simulation import steady_day

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUN, EMPTY = "20250102T000000-quick", "20250101T000000-quick"
ENTRY_S, EXIT_S = 1_100, 1_180


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Two checks of a run with two round trips, one of them explained; and a run without a check."""
    runs = tmp_path_factory.mktemp("explained") / "runs"
    make_run(runs, EMPTY)
    folder, day = make_run(runs, RUN), steady_day()
    trades = np.zeros(2, TRADE_ROW)
    trades["second"], trades["held_s"], trades["side"] = [EXIT_S + 1, 9_000], EXIT_S - ENTRY_S, 1
    trades["shares"], trades["entry_price"], trades["exit_price"], trades["pnl"] = 100, 5.0, 5.05, 5.0
    with a_hub(folder, "store", days=(DayFacts(day, 0.75, np.zeros(0, RESET_POINT)),), resumed_at=STEPS[-1]) as hub:
        hub.rows(STEPS[-1], {"trades": trades})
    ends = ((ENTRY_S, Stratum.ENTRY), (EXIT_S, Stratum.EXIT))
    decisions = [made_decision(day.symbol, day.date.isoformat(), second, stratum) for second, stratum in ends]
    for turn, step in enumerate((STEPS[1], STEPS[2])):
        made_explanation(step, decisions=decisions, turn=turn).write(folder / FOLDER)
    first = 31_000 + os.getpid() % 8_000  # others may be at the same
    port = next(port for port in range(first, 60_000, 79) if lifecycle.is_free(port))
    lifecycle.wait(lifecycle.start(runs, port), 60)
    yield Watched(runs, port)
    lifecycle.stop(port, 10)


@pytest.fixture
def opened(browser: Browser, explained: Watched) -> Iterator[Opened]:
    made = Opened(browser, explained)
    yield made
    made.page.close()
    assert made.wrong == []


def drawn(opened: Opened, part: str, trace: int, name: str) -> list[float]:
    """What plotly has of a chart."""
    return opened.run(f"Array.from(fx.partOf('{part}').box.data[{trace}].{name})")


def test_figures_are_those_of_the_file_and_keys_choose_an_earlier_one(opened: Opened, explained: Watched) -> None:
    older, newest = (Explanation.read(explained.folder / RUN / FOLDER / f"{step}.json") for step in STEPS[1:])
    opened.go("explain")
    order = ranked(newest.features)
    assert drawn(opened, "explain-features", 0, "y") == [spoken(use.name) for use in order]
    assert drawn(opened, "explain-features", 0, "x") == pytest.approx([use.action for use in order], rel=1e-5)
    assert drawn(opened, "explain-features", 1, "x") == pytest.approx([use.shap for use in order], rel=1e-5)
    assert drawn(opened, "explain-lag-mf", 0, "y") == pytest.approx(newest.lags["mf"], rel=1e-5)
    families = summed(newest.features, "family")
    assert drawn(opened, "explain-families", 0, "x") == pytest.approx(list(families.values()), rel=1e-5)
    cells = np.array(drawn(opened, "explain-attention-hf", 0, "customdata"))
    np.testing.assert_allclose(cells, newest.attention["hf"].weights, rtol=1e-5)
    assert f"{spoken(order[0].name)} {percent(order[0].action)}" in (
        opened.page.locator("#explain-features [role=img]").get_attribute("aria-label") or ""
    )
    assert opened.page.locator("[data-label='Can it be believed'] strong").inner_text() == "sound"
    assert f"leave it out: feature.exclude=[{DEAD}]" in opened.page.inner_text("#explain-advice")
    opened.until(f"() => document.getElementById('explain-grid').dataset.rows === '{len(order)}'")
    assert opened.run("fx.partOf('explain-course').plots.get('Share by branch').panel.series[0].x") == [*STEPS[1:]]
    # by keys alone: to the page, to its first control, to the check before
    opened.page.keyboard.press("7")
    opened.painted("runs")
    opened.page.keyboard.press("6")
    opened.painted("explain")
    opened.until("() => document.querySelector('#explain-check select')")
    opened.page.focus("#page")
    opened.page.keyboard.press("Tab")
    assert opened.run("document.activeElement.closest('.part').id") == "explain-check"
    opened.page.keyboard.press("ArrowDown")
    first = spoken(ranked(older.features)[0].name)
    opened.until(f"() => fx.partOf('explain-features').box.data[0].y[0] === '{first}'")
    assert opened.page.locator("#explain-check option:checked").inner_text() == f"step {STEPS[1]:,}"


@pytest.mark.parametrize(("theme", "size"), [("dark", SIZES[0]), ("light", SIZES[1])])
def test_it_fits_and_every_part_has_a_name(
    browser: Browser, explained: Watched, theme: Theme, size: tuple[int, int]
) -> None:
    tab = Opened(browser, explained, theme, size)
    tab.go("explain")
    tab.until("() => [...document.querySelectorAll('.part')].every((part) => part.children.length)")
    assert tab.run("document.documentElement.scrollWidth") <= size[0]
    nameless = "[...document.querySelectorAll('#page [role=img], #page .part')].filter((e) => !e.ariaLabel).length"
    assert tab.run(nameless) == 0
    tab.page.close()
    assert tab.wrong == []


def test_a_round_trip_shows_its_causes_or_says_what_to_do(opened: Opened) -> None:
    opened.go("trades")
    opened.until("() => document.getElementById('trades-grid').dataset.rows === '2'")
    assert opened.page.locator("#trades-table [col-id=why]").all_inner_texts()[1:] == ["entry, exit", ""]
    row = opened.page.locator("#trades-table .ag-row", has_text="entry, exit")
    row.locator("[col-id=symbol]").click()
    opened.until("() => document.querySelectorAll('#trades-causes tbody tr').length === 10")
    decision = made_decision("", "", ENTRY_S, Stratum.ENTRY)
    told = opened.page.locator("#trades-causes tbody tr").first.locator("td").all_inner_texts()
    cause = decision.causes[0]
    assert told == ["entry", spoken(cause.name), told[2], f"{cause.value:+.3g}", f"{100 * cause.share:+.1f} %"]
    assert f"by the check of step {STEPS[2]:,}" in opened.page.inner_text("#trades-facts")
    opened.page.locator("#trades-table .ag-row", has_not_text="entry, exit").first.locator("[col-id=symbol]").click()
    opened.page.locator("#trades-causes .empty").wait_for()
    assert "What to do" in opened.page.inner_text("#trades-causes")


def test_without_a_check_with_one_and_with_one_that_failed(opened: Opened, explained: Watched) -> None:
    """The page is open all the time."""
    folder: Path = explained.folder / EMPTY
    opened.page.goto(f"{lifecycle.address(explained.port)}/explain?run={EMPTY}")
    opened.painted("explain")
    opened.page.locator("#explain-check .empty").wait_for()
    assert "explain.every=N" in opened.page.inner_text("#explain-check")
    assert not opened.page.locator("#explain-features").is_visible()
    assert opened.page.locator("#explain-gates").is_visible()
    told = made_explanation(STEPS[0])
    told.write(folder / FOLDER)
    opened.until("() => fx.partOf('explain-features').box")
    assert drawn(opened, "explain-features", 0, "x")[0] == pytest.approx(told.features[0].action, rel=1e-5)
    Failure(STEPS[1], 0.0, "was killed by SIGKILL", ["no memory"], 1).write(folder / FOLDER)
    opened.page.get_by_role("alert").filter(has_text="was killed by SIGKILL").wait_for()
    (folder / FOLDER / FAILED).unlink()
    (folder / FOLDER / f"{STEPS[2]}.json").write_text("{")
    opened.page.get_by_role("alert").filter(has_text="is damaged").wait_for()
    assert drawn(opened, "explain-features", 0, "x")[0] == pytest.approx(told.features[0].action, rel=1e-5)
