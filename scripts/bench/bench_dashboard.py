"""What being watched costs a training run."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from config.compose import config_yaml
from metrics.dashboard import lifecycle
from metrics.runs import ABOUT, CONFIG
from scripts.bench.bench_metrics import Watched, learner, rollout
from scripts.bench.days import bench_days
from scripts.bench.registry import Figure, benchmark
from utils.atomic import write_text
from utils.errors import DataError

DAYS = 4
PORT = 24_051
WAIT_S = 60.0
LEAST = 0.97
"""Of the throughput without a dashboard."""


@benchmark("dashboard.throughput", page=lambda _: [])
def watched(quick: bool) -> list[Figure]:
    """training with the live page open in a browser against training without a dashboard, rollout by rollout in turn.

    One thread of torch, the default network; server and browser start and end between the rollouts. The median of the
    ratios of neighbours: on a machine with two cores the browser has the other one.
    """
    bench = bench_days(DAYS)
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "20250101T000000-bench"
        trained = learner(bench, run)
        write_text(run / CONFIG, config_yaml(bench.config))
        write_text(run / ABOUT, "{}")
        rollout(trained)
        pairs = [(_alone(trained), _watched(trained, run.parent)) for _ in range(2 if quick else 8)]
        assert trained.hub is not None
        trained.hub.close()
    ratio = statistics.median(alone / watched for alone, watched in pairs)
    return [Figure("dashboard.throughput", 100 * ratio, "% of that without", 100 * LEAST, ratio / LEAST)]


def _alone(trained: Watched) -> float:
    return rollout(trained).seconds


def _watched(trained: Watched, runs: Path) -> float:
    with _looked_at(runs):
        return rollout(trained).seconds


@contextmanager
def _looked_at(runs: Path) -> Generator[None]:
    """A server, and a browser that shows its live page. Raises DataError if there is no browser."""
    from playwright.sync_api import sync_playwright

    browser = shutil.which("chromium")
    if browser is None:
        raise DataError("there is no browser to watch with", where="PATH", fix="install chromium")
    started = lifecycle.start(runs, PORT)
    lifecycle.wait(started, WAIT_S)
    try:
        with sync_playwright() as playwright:
            open_browser = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page = open_browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(f"{lifecycle.address(started.port)}/live")
            page.wait_for_function("() => window.fx && fx.state.painted", timeout=1_000 * WAIT_S)
            yield
            open_browser.close()
    finally:
        lifecycle.stop(started.port, WAIT_S)
