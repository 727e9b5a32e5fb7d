"""A study in a real browser: Optuna's dashboard on this machine only, and our own page; neither asks another host."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from optuna.study import Study
from playwright.sync_api import Browser, Page

from config.studies import load_study
from scripts.optimise.attributes import FIGURES
from scripts.optimise.claims import next_trial
from scripts.optimise.page import study_page
from scripts.optimise.spaces import drawn
from scripts.optimise.storages import open_storage
from scripts.optimise.studies import FROM, open_study, ranked
from utils.paths import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TRIALS = 8
STARTS_WITHIN_S = 60


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('study') / 'studies.db'}"


@pytest.fixture(scope="module")
def study(storage: str, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """As a search leaves it, but for the trainings: values follow from the points."""
    config = load_study("quick_search", [f"optuna.storage={storage}", f"optuna.trials={TRIALS}"])
    place = tmp_path_factory.mktemp("place")
    start = [{FROM: "the configuration as it stands", "model.hold_bias": 3.0}]
    made = open_study(config, open_storage(storage), {}, start)
    while (taken := next_trial(made, config, place)) is not None:
        point = drawn(taken.trial, config.space)
        for step in (1, 2):
            taken.trial.report(point["training.entropy_coef"] * 100 * step, step)
        taken.trial.set_user_attr(FIGURES, {"mean": 1.0, "drawdown": 0.1, "trips per session": 3.0})
        made.tell(taken.trial, point["training.entropy_coef"] * 200 - point["model.hold_bias"])
        taken.claim.release()
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(storage: str, port: int) -> tuple[subprocess.Popen[str], str]:
    """The command as it is typed, once it has said where it is."""
    words = [sys.executable, "optuna_optimization.py", "dashboard", "--storage", storage, "--port", str(port)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    said = ""
    while "optuna-dashboard: " not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return process, said


def wait(address: str) -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            assert time.monotonic() < until, address
            time.sleep(0.1)


@pytest.fixture
def page(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A tab, and what it asks for elsewhere or complains about."""
    tab, wrong = browser.new_page(), list[str]()
    own = re.compile(r"(http://127\.0\.0\.1|file:|data:|blob:)")
    tab.on("request", lambda asked: None if own.match(asked.url) else wrong.append(asked.url))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    yield tab, wrong
    tab.close()


def test_optunas_dashboard_shows_our_study(study: Study, storage: str, page: tuple[Page, list[str]]) -> None:
    tab, wrong = page
    port = free_port()
    with socket.socket() as taken:  # somebody is there already
        taken.bind(("127.0.0.1", port))
        taken.listen()
        process, said = start(storage, port)
    try:
        assert f"port {port} is taken" in said
        found = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        assert found is not None
        assert int(found[1]) > port
        wait(found[0])
        with pytest.raises(urllib.error.HTTPError, match="403"):  # a page of others that points its name here
            urllib.request.urlopen(urllib.request.Request(f"{found[0]}/api/studies", headers={"Host": "evil.example"}))
        tab.goto(f"{found[0]}/dashboard")
        tab.get_by_text("quick_search").first.click()
        tab.wait_for_url(re.compile(r"/dashboard/studies/\d+"))
        tab.wait_for_selector(".js-plotly-plot", timeout=30_000)
        tab.goto(f"{found[0]}/dashboard/studies/1/trials")
        tab.get_by_text(re.compile(r"Trial 0\b")).first.wait_for(timeout=30_000)
        assert wrong == []
    finally:
        process.terminate()
        process.wait()


def test_our_page_draws_every_picture(study: Study, page: tuple[Page, list[str]], tmp_path: Path) -> None:
    tab, wrong = page
    path = tmp_path / "index.html"
    path.write_text(study_page(study, ranked(study), "luck in words"))
    tab.goto(path.as_uri())
    titles = tab.locator("h2").all_inner_texts()
    assert titles == [
        "Best trials", "History", "Importances", "Slices", "Parallel coordinates", "Pruning", "Time",
    ]  # fmt: skip
    tab.wait_for_selector(".js-plotly-plot .main-svg")
    assert tab.locator(".js-plotly-plot").count() == len(titles) - 1
    assert tab.locator("tbody tr").count() == TRIALS
    assert "the configuration as it stands" in tab.inner_text("table")
    assert wrong == []
