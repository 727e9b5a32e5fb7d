"""The dashboard of real, short trainings in a real browser: its figures, its choices, and that it asks nobody else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import polars as pl
import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, FloatRect, Page, ViewportSize

from metrics import registry as names
from metrics.dashboard import lifecycle
from metrics.dashboard.page import pages
from metrics.run_store import RunStore
from metrics.runs import State, list_runs
from scripts import dashboard
from tests.support.pictures import KEEP
from tests.support.small_market import small, tiny_training
from utils.paths import ROOT
from utils.web.text import money, signed

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TRAIN_S = 12
ROLLOUT = 8 * 64
PAINT_MS = 30_000
"""A machine that is busy with other tests is given time."""
Theme = Literal["light", "dark"]
SIZES = ((1280, 800), (1920, 1080))


PICTURE_PX, PICTURE_MS = 1_200, 300
"""Curves are drawn once they are in view."""
OWN_PICTURE = ("replay", "explain")
"""Pages whose picture is taken elsewhere: by a test of their own, or by hand, of minutes of training."""


class Watched(NamedTuple):
    """Where runs are and who shows them."""

    folder: Path
    port: int
    bereft_at: int = 0
    """Step at which the first training lost its dashboard."""

    def train(self, seed: int, *words: str) -> subprocess.Popen[bytes]:
        """A training as it is started by hand."""
        command = [sys.executable, "main.py", "--config", "quick", *small(self.folder), *tiny_training(TRAIN_S)]
        command += [f"seed={seed}", f"dashboard.port={self.port}", "wandb.mode=disabled", *words]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def newest(self) -> RunStore:
        return RunStore(list_runs(self.folder / "runs")[0].folder)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """A run that is over, whose dashboard was killed while it trained, and the dashboard that was started after it."""
    first = 22_000 + os.getpid() % 8_000  # others may be at the same
    port = next(port for port in range(first, 60_000, 89) if lifecycle.is_free(port))
    made = Watched(tmp_path_factory.mktemp("watched"), port)
    runs = made.folder / "runs"
    run = made.train(0, "dashboard.enabled=always")
    try:
        server, bereft_at = None, 0
        while run.poll() is None and not (server and bereft_at):
            time.sleep(0.2)
            server, bereft_at = lifecycle.ask(port), max((run.step for run in list_runs(runs)), default=0)
        assert server is not None
        assert server.shows(runs)
        os.kill(server.pid, signal.SIGKILL)
        told, _ = run.communicate(timeout=300)
        assert run.returncode == 0, told.decode()
        assert f"dashboard: http://localhost:{port}" in told.decode()
        assert dashboard.main(["start", f"runs={runs}", f"dashboard.port={port}"]) == 0
        yield made._replace(bereft_at=bereft_at)
    finally:
        run.kill()
        for server in lifecycle.ours(port)[:1]:
            os.kill(server.pid, signal.SIGKILL)


class Opened:
    """The dashboard in a tab, with what went wrong there."""

    def __init__(
        self, browser: Browser, watched: Watched, theme: Theme = "light", size: tuple[int, int] = SIZES[0]
    ) -> None:
        viewport = ViewportSize(width=size[0], height=size[1])
        self.page: Page = browser.new_page(viewport=viewport, color_scheme=theme)
        self.wrong: list[str] = []
        self._own = lifecycle.address(watched.port)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda asked: self._asked(asked.url))

    def _said(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.wrong.append(said.text)

    def _asked(self, url: str) -> None:
        if not url.startswith((f"{self._own}/", "data:", "blob:")):
            self.wrong.append(f"request: {url}")

    def go(self, name: str) -> None:
        self.page.goto(f"{self._own}/{name}")
        self.painted(name)

    def painted(self, name: str) -> None:
        self.page.wait_for_function(
            "(name) => window.fx && fx.state.page === name && fx.state.key && fx.state.painted",
            arg=name,
            timeout=PAINT_MS,
        )

    def run(self, code: str, **more: Any) -> Any:
        return self.page.evaluate(code, **more)

    def until(self, code: str) -> None:
        self.page.wait_for_function(code, timeout=PAINT_MS)

    def picture(self, folder: Path, name: str) -> None:
        """The page down to PICTURE_PX, in 256 colours to save room; what is not kept is taken as it stands."""
        path = folder / f"dashboard-{name}.png"
        if not KEEP:
            self.page.screenshot(path=path)
            return
        width, height = self.run("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        for top in (PICTURE_PX, 0):
            self.run(f"window.scrollTo(0, {top} - window.innerHeight)")
            self.page.wait_for_timeout(PICTURE_MS)
        clip = FloatRect(x=0, y=0, width=width, height=min(height, PICTURE_PX))
        self.page.screenshot(path=path, full_page=True, clip=clip)
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


@pytest.fixture
def opened(browser: Browser, watched: Watched) -> Iterator[Opened]:
    made = Opened(browser, watched)
    yield made
    made.page.close()
    assert made.wrong == []


def test_a_training_goes_on_without_its_dashboard(watched: Watched) -> None:
    """Killed while it trained: the run ended as ever, no number is missing, and the dashboard came back when asked."""
    run = list_runs(watched.folder / "runs")[0]
    assert run.state == State.ENDED
    with watched.newest() as store:
        rollouts = store.tail("numbers").filter(pl.col(names.REWARD.name).is_not_null())  # the others are validations
    assert rollouts["step"].to_list() == list(range(ROLLOUT, run.step + 1, ROLLOUT))
    assert 0 < watched.bereft_at < run.step
    assert rollouts[names.DROPPED.name].to_list()[-1] == 0
    server = lifecycle.ask(watched.port)
    assert server is not None
    assert server.shows(watched.folder / "runs")


@pytest.mark.parametrize(("theme", "size"), [("light", SIZES[0]), ("dark", SIZES[1])])
def test_every_page_fits_in_both_themes(
    browser: Browser, watched: Watched, size: tuple[int, int], theme: Theme, pictures: Path, tmp_path: Path
) -> None:
    tab = Opened(browser, watched, theme, size)
    tab.go("live")
    for i, page in enumerate(pages(), 1):
        tab.page.keyboard.press(str(i))
        tab.painted(page.name)
        tab.until("() => [...document.querySelectorAll('.part')].every((part) => part.children.length)")
        assert tab.page.inner_text("h1") == page.title
        assert tab.page.locator(f"#to-{page.name}").get_attribute("aria-current") == "page"
        assert tab.run("document.documentElement.scrollWidth") <= size[0], page.name
        assert tab.run("document.documentElement.dataset.theme") == theme
        nameless = tab.run(
            "[...document.querySelectorAll('.part, [role=img], select, #page input:not([type=checkbox])')]"
            ".filter((e) => !e.closest('.ag-root-wrapper') && !e.getAttribute('aria-label') && !e.labels?.length)"
            ".map((e) => e.outerHTML.slice(0, 120))"
        )
        assert nameless == []
        kept = theme == "light" and page.name not in OWN_PICTURE
        tab.picture(pictures if kept else tmp_path, page.name)
    tab.page.close()
    assert tab.wrong == []


def test_training_curves_are_those_of_the_store(opened: Opened, watched: Watched) -> None:
    opened.go("training")
    with watched.newest() as store:
        expected = store.series([names.REWARD.name, names.APPROX_KL.name])
        rollouts = store.tail("numbers")
    for title, name in (("Reward per step", names.REWARD.name), ("Approximate KL", names.APPROX_KL.name)):
        drawn = opened.run(
            "(title) => fx.partOf('training-curves').plots.get(title).panel.series.map(({ x, y }) => [x, y])[0]",
            arg=title,
        )
        assert drawn[0] == expected["step"].to_list()
        assert drawn[1] == pytest.approx(expected[name].to_list(), rel=1e-5)
    # one zoom for all, kept when more comes
    opened.run("fx.partOf('training-curves').zoom([1000, 2000])")
    opened.run("() => { const part = fx.partOf('training-curves'); part.update(part.shown); }")
    ranges = opened.run(
        "[...fx.partOf('training-curves').plots.values()].filter(({ heard }) => heard)"
        ".map(({ box }) => box.layout.xaxis.range.map(Number))"
    )
    assert len(ranges) > 6  # those that are in view
    assert all(found == [1000, 2000] for found in ranges)
    opened.page.get_by_role("button", name="Whole run").click()
    opened.until(
        "() => [...fx.partOf('training-curves').plots.values()]"
        ".every(({ box, heard }) => !heard || box.layout.xaxis.autorange)"
    )
    with opened.page.expect_download() as download:
        opened.page.get_by_role("link", name="Download CSV").click()
    told = pl.read_csv(download.value.path())
    assert told["step"].to_list() == rollouts["step"].to_list()
    assert told[names.REWARD.name].to_list() == rollouts[names.REWARD.name].to_list()


def test_a_click_on_a_trade_shows_it_on_its_candles(opened: Opened, watched: Watched) -> None:
    opened.go("trades")
    with watched.newest() as store:
        trades = store.trades(2_000)
        places = trades.select("symbol", "date").unique().rows()
        assert all(store.candles(symbol, date) is not None for symbol, date in places)
    assert opened.page.locator("[data-label='Round trips'] strong").inner_text() == f"{len(trades):,}"
    assert opened.page.locator("[data-label='Net P&L'] strong").inner_text() == money(
        float(trades["pnl"].to_numpy().sum())
    )
    opened.until(f"() => document.getElementById('trades-grid').dataset.rows === '{len(trades)}'")
    wanted = trades.filter(pl.col("lane") != 0).row(0, named=True)  # not of the lane that is followed
    opened.run(
        "(id) => { const { api } = fx.partOf('trades-grid'); api.ensureNodeVisible(api.getRowNode(id)); }",
        arg=str(wanted["seq"]),
    )
    opened.page.locator(f"#trades-table [row-id='{wanted['seq']}'] [col-id=symbol]").click()
    opened.until(f"() => fx.partOf('trades-day').chart && fx.partOf('trades-day').chart.chosen?.id === {wanted['seq']}")
    chosen = opened.run("fx.partOf('trades-day').chart.chosen")
    assert (chosen["entry"], chosen["exit"]) == pytest.approx((wanted["entry_price"], wanted["exit_price"]))
    first, last = opened.run("fx.partOf('trades-day').chart.range()")
    assert first < chosen["from"] <= chosen["to"] < last
    told = opened.page.inner_text("#trades-facts")
    assert money(wanted["pnl"]) in told
    parts: dict[str, float] = json.loads(wanted["parts"])
    rewards = opened.page.inner_text("#trades-reward")
    for name, value in parts.items():
        assert name.replace("_", " ") in rewards
        assert signed(value, ".4f") in rewards


def test_two_runs_are_compared_and_the_lane_is_seen_live(opened: Opened, watched: Watched) -> None:
    opened.go("live")
    opened.until("() => fx.partOf('live-day').chart")
    run = watched.train(1, "training.learning_rate=6e-4")
    # the page moves on to the run that goes on, by itself
    opened.until("() => fx.state.head && fx.state.head.state === 'running' && fx.state.since.live > 0")
    seen = opened.run("fx.state.painted")
    opened.until(f"() => fx.state.painted > {seen} + 2")
    opened.page.get_by_role("button", name="Whole day").click()
    assert opened.run("fx.partOf('live-day').chart.range()") == pytest.approx([0, 57_600], abs=700)
    opened.page.get_by_role("button", name="1 hour").click()
    first, last = opened.run("fx.partOf('live-day').chart.range()")
    assert last - first == pytest.approx(3_600, abs=120)
    told, _ = run.communicate(timeout=300)
    assert run.returncode == 0, told.decode()
    opened.until("() => fx.state.head.state === 'ended'")
    with watched.newest() as store:
        live = store.tail("live", store.last_seq("live") - 1).row(0, named=True)
    opened.until(f"() => fx.partOf('live-day').now === {live['second']}")
    drawn = opened.run(
        "(({ traced, now }) => ['position', 'pnl', 'buy'].map((name) => traced[name][now]))(fx.partOf('live-day'))"
    )
    assert drawn == pytest.approx([live["position"], live["equity"] - 25_000, live["buy"]], rel=1e-4, abs=0.01)

    opened.page.keyboard.press("7")
    opened.painted("runs")
    opened.until(
        "() => document.getElementById('runs-grid') && document.getElementById('runs-grid').dataset.rows === '2'"
    )
    boxes = opened.page.locator("#runs-table .ag-checkbox-input")
    opened.until("() => document.querySelectorAll('#runs-table .ag-row-selected').length === 1")
    boxes.nth(1).click()
    opened.until("() => fx.partOf('runs-curves').plots.get('Reward per step')?.panel.series.length === 2")
    difference = opened.page.inner_text("#runs-diff")
    assert "training.learning_rate" in difference
    assert "0.0006" in difference
    assert "seed" in difference


def test_it_says_so_when_the_server_is_gone(browser: Browser, watched: Watched, tmp_path: Path) -> None:
    """The training's own server stays: this is another one."""
    started = lifecycle.start(tmp_path, watched.port + 1)
    lifecycle.wait(started, 60)
    tab = browser.new_page()
    tab.goto(f"{started.address}/live")
    tab.wait_for_selector("#nothing", timeout=PAINT_MS)
    assert "./fx quick makes one" in tab.inner_text("#nothing")
    lifecycle.stop(started.port, 10)
    tab.wait_for_selector("#trouble:not([hidden])", timeout=PAINT_MS)
    assert "./fx dashboard starts it again" in tab.inner_text("#trouble")
    tab.close()
