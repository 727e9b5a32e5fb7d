"""The page Replay in a real browser: a replay is asked for, made by a process of its own, drawn, and kept."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from main import main as train
from metrics.dashboard import lifecycle
from metrics.replays import list_replays
from tests.browser.test_dashboard import ROLLOUT, SIZES, Opened, Watched
from tests.support.small_market import small, tiny_training
from utils.web.text import money

pytestmark = [pytest.mark.browser, pytest.mark.slow]
MADE_MS = 120_000
"""A replay starts a program of its own, on a machine that may be busy."""


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A run with three checkpoints, none of which has played a day, and a server of its own."""
    folder = tmp_path_factory.mktemp("replayed")
    budget = ["training.time_limit_s=0", f"training.total_steps={5 * ROLLOUT}", "training.checkpoint_every_s=0.001"]
    coarse = ["env.decision_interval_s=60", "model.hold_bias=-2", "dashboard.enabled=never", "wandb.mode=disabled"]
    assert train(["--config", "quick", *small(folder), *tiny_training(), *budget, *coarse]) == 0
    port = next(port for port in range(23_500, 60_000, 97) if lifecycle.is_free(port))
    started = lifecycle.start(folder / "runs", port)
    try:
        lifecycle.wait(started, 60)
        yield Watched(folder, port)
    finally:
        for server in lifecycle.ours(port)[:1]:
            os.kill(server.pid, signal.SIGKILL)


def test_a_day_is_played_by_two_checkpoints(browser: Browser, replayed: Watched, pictures: Path) -> None:
    tab = Opened(browser, replayed)
    page, run = tab.page, max((replayed.folder / "runs").glob("*/config.yaml")).parent
    tab.go("replay")
    assert "No day of this run was replayed yet" in page.inner_text("#replay-cards")
    first, second = page.get_by_label("Checkpoint", exact=True), page.get_by_label("against", exact=True)
    assert (first.input_value(), second.input_value()) == ("r000003", "r000005")
    button = page.get_by_role("button", name="Replay", exact=True)
    second.select_option("r000003")
    assert button.is_disabled()
    assert "not the same" in page.inner_text("#replay-form")
    second.select_option("r000005")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("document.getElementById('replay-day').dataset.drawn", timeout=MADE_MS)

    facts = list_replays(run)[0]
    assert page.locator("#replay-day").get_attribute("data-drawn") == facts["name"]
    for side in facts["sides"]:
        assert page.locator(f"[data-label='{side['name']}'] strong").inner_text() == money(side["pnl"])
    assert "validation session" in page.inner_text("[data-label='Sample']").lower()
    table = page.inner_text("#replay-table")
    assert all(cell in table for row in facts["rows"] for cell in row)
    drawn = tab.run(
        "(({ arrays, chart }) => ({ pnl: [0, 1].map((i) => arrays[`${i} pnl agent`].at(-1)),"
        " fills: chart.day.fills.length, count: [0, 1].reduce((n, i) => n + arrays[`${i} fill_second`].length, 0),"
        " panes: chart.chart.panes().length }))(fx.partOf('replay-day'))"
    )
    assert drawn["pnl"] == pytest.approx([side["pnl"] for side in facts["sides"]], abs=0.005)
    assert drawn["fills"] == drawn["count"] > 0
    assert drawn["panes"] == 5  # candles, P&L, position, probability, differences
    tab.picture(pictures, "replay")

    # keys zoom; what is kept is open at once, also after a reload and without its process
    before = tab.run("fx.partOf('replay-day').chart.range()")
    page.locator("#replay-day .day-box").focus()
    page.keyboard.press("+")
    after = tab.run("fx.partOf('replay-day').chart.range()")
    assert after[1] - after[0] == pytest.approx(0.6 * (before[1] - before[0]), rel=0.05)
    page.reload()
    tab.until(f"() => document.getElementById('replay-day')?.dataset.drawn === '{facts['name']}'")
    assert page.locator("#replay-list [aria-pressed=true]").count() == 1
    assert not list((run / "replays").glob("*.log")), "what went well leaves nothing but the replay"
    page.close()
    assert tab.wrong == []


@pytest.mark.parametrize("size", SIZES)
def test_it_fits_and_says_what_went_wrong(browser: Browser, replayed: Watched, size: tuple[int, int]) -> None:
    """A checkpoint that makes room for newer ones while the page is open."""
    tab = Opened(browser, replayed, "dark", size)
    run = max((replayed.folder / "runs").glob("*/config.yaml")).parent
    tab.go("replay")
    tab.page.get_by_label("Checkpoint", exact=True).select_option("r000004")
    gone, aside = run / "checkpoints" / "r000004", run / "r000004"
    gone.rename(aside)
    try:
        tab.page.get_by_role("button", name="Replay", exact=True).click()
        tab.page.wait_for_selector("#replay-form .neg", timeout=MADE_MS)
        said = tab.page.inner_text("#replay-form [role=status]")
        assert "there is no checkpoint 'r000004'" in said
    finally:
        aside.rename(gone)
    assert tab.run("document.documentElement.scrollWidth") <= size[0]
    tab.page.close()
    assert tab.wrong == []
