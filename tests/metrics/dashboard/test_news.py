"""What the server answers is what the run's store holds; it waits while there is nothing new."""

from __future__ import annotations

import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from config.compose import config_yaml
from data.layout import RESET_POINT, ResetKind
from metrics import registry as names
from metrics.dashboard.page import PAGES, Page, View, add_page, pages, part
from metrics.dashboard.pages.live import episode_rows
from metrics.dashboard.server import make_app
from metrics.layout import EPISODE_ROW, LIVE_ROW
from metrics.notes import Kind
from metrics.run_info import DayFacts
from metrics.run_store import RunStore
from metrics.runs import ABOUT, CONFIG
from simulators.layout import FILL, Ending
from tests.support.configs import load_config
from tests.support.hubs import a_hub
from tests.support.simulation import steady_day

HOST = {"Host": "localhost"}
PATHS = ("live", "training", "rewards", "trades", "curriculum", "explain", "runs")
STEPS = (512, 1_024, 1_536)


def live_rows(first: int, count: int, start: int, *, end: bool = False) -> np.ndarray:
    rows = np.zeros(count, LIVE_ROW)
    rows["second"], rows["start"] = first + 10 * np.arange(count), start
    rows["equity"], rows["hold"], rows["buy"], rows["sell"] = 25_000 + np.arange(count), 0.5, 0.3, 0.2
    rows["ending"][-1] = Ending.LENGTH if end else Ending.RUNNING
    return rows


def make_run(runs: Path, name: str, *, learning_rate: float = 1e-3) -> Path:
    """Three rollouts, an episode that ended and one that runs, fills, episodes, notes."""
    folder = runs / name
    points = np.zeros(2, RESET_POINT)
    points["second"], points["kind"] = [1_000, 20_000], [ResetKind.FLUSH, ResetKind.OPEN]
    fills, episodes = np.zeros(2, FILL), np.zeros(3, EPISODE_ROW)
    fills["second"], fills["shares"], fills["price"] = [1_100, 1_195], [100, -100], [5.0, 5.05]
    episodes["pnl"], episodes["log_return"], episodes["stage"] = [3.0, -1.0, 2.0], [0.1, -0.1, 0.2], [0, 0, -1]
    episodes["point"], episodes["quality"], episodes["difficulty"] = [1_000, 1_000, -1], 0.75, [0.1, 0.4, np.nan]
    with a_hub(folder, "store", days=(DayFacts(steady_day(), 0.75, points),), group="line") as hub:
        for i, step in enumerate(STEPS):
            hub.log(step, {names.REWARD.name: i / 7, names.REWARD_PART.of("log_equity"): 0.1 * i})
        hub.rows(STEPS[1], {"live": live_rows(400, 3, 390, end=True)})
        hub.rows(STEPS[2], {"fills": fills, "episodes": episodes, "live": live_rows(1_100, 12, 1_090)})
        hub.note(0, Kind.STAGE, "stage easy", {"name": "easy", "stage": 0, "stages": 2})
        hub.note(STEPS[2], Kind.CHECKPOINT, "checkpoint r000003", {"name": "r000003"})
    config = load_config("quick", [f"training.learning_rate={learning_rate}"])
    (folder / CONFIG).write_text(config_yaml(config))
    (folder / ABOUT).write_text('{"group": "line", "synthetic": true}')
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    make_run(tmp_path, "20250101T000000-quick")
    make_run(tmp_path, "20250102T000000-quick", learning_rate=2e-3)
    return tmp_path


@pytest.fixture
def client(runs: Path) -> FlaskClient:
    return make_app(runs).server.test_client()


def ask(client: FlaskClient, page: str, **more: Any) -> Any:
    answer = client.post(
        "/news", json={"page": page, "run": "", "since": {}, "key": "", "options": {}, **more}, headers=HOST
    )
    return answer.json if answer.status_code == 200 else answer.status_code


def test_every_page_answers_with_every_part_that_it_shows(client: FlaskClient) -> None:
    assert [page.name for page in pages() if page.name in PATHS] == list(PATHS)
    for page in pages():
        told = ask(client, page.name)
        assert told["run"] == "20250102T000000-quick"
        assert told["head"]["synthetic"] is True
        shown = {tag.id for child in page.layout() for tag in _parts(child)}
        assert set(told["parts"]) <= shown, page.name
        assert told["parts"], page.name
        assert client.get(f"/{page.name}", headers=HOST).status_code == 200


def _parts(node: Any) -> list[Any]:
    """Parts below a component."""
    own = [node] if "part" in str(getattr(node, "className", "")).split() else []
    return own + [found for child in _children(node) for found in _parts(child)]


def _children(node: Any) -> list[Any]:
    children = getattr(node, "children", None)
    return children if isinstance(children, list) else [children] if children is not None else []


def test_curves_are_those_of_the_store(client: FlaskClient) -> None:
    panels = {panel["title"]: panel for panel in ask(client, "training")["parts"]["training-curves"]["panels"]}
    (line,) = panels["Reward per step"]["series"]
    assert line["x"] == list(STEPS)
    assert line["y"] == pytest.approx([0, 1 / 7, 2 / 7], rel=1e-5)
    (component, total) = ask(client, "rewards")["parts"]["rewards-stack"]["traces"]
    assert component["y"] == total["y"] == pytest.approx([0, 0.1, 0.2])


def test_who_has_all_is_answered_when_there_is_more(client: FlaskClient, runs: Path) -> None:
    told = ask(client, "training")
    have = {"since": told["since"], "key": told["key"], "run": told["run"]}
    began = time.monotonic()
    assert ask(client, "training", **have) == 204
    assert time.monotonic() - began >= 4
    with a_hub(runs / told["run"], "store", resumed_at=STEPS[-1]) as hub:
        hub.log(2_048, {names.REWARD.name: 1.0})
    more = ask(client, "training", **have)
    assert more["parts"]["training-curves"]["panels"][0]["series"][0]["x"] == [*STEPS, 2_048]


def test_the_live_lane_is_told_once_and_then_by_what_is_new(client: FlaskClient, runs: Path) -> None:
    told = ask(client, "live")
    day = told["parts"]["live-day"]
    assert day["rows"]["second"] == list(range(1_100, 1_220, 10))  # the episode that runs, not the one before
    assert day["rows"]["pnl"] == list(range(12))
    assert [fill["price"] for fill in day["fills"]] == [5.0, 5.05]
    assert [note["text"] for note in day["day"]["notes"]] == ["flush", "open"]
    have = {"since": told["since"], "key": told["key"]}
    with a_hub(
        runs / told["run"],
        "store",
        days=(DayFacts(steady_day(), 0.75, np.zeros(0, RESET_POINT)),),
        resumed_at=STEPS[-1],
    ) as hub:
        hub.rows(2_048, {"live": live_rows(1_220, 2, 1_090)})
    more = ask(client, "live", **have)["parts"]["live-day"]
    assert "day" not in more
    assert more["rows"]["second"] == [1_220, 1_230]
    with RunStore(runs / told["run"]) as store:
        whole, _ = episode_rows(store, 0)
        assert len(whole) == 14


def test_candles_and_tables_travel_as_they_are(client: FlaskClient, runs: Path) -> None:
    day, run = steady_day(), "20250102T000000-quick"
    found = client.get(f"/candles/{run}/{day.symbol}/{day.date.isoformat()}", headers=HOST)
    assert found.status_code == 200
    assert found.text.startswith('[["open", 57600')
    assert client.get(f"/candles/{run}/NONE/2020-01-01", headers=HOST).status_code == 204
    rows = list(csv.DictReader(io.StringIO(client.get(f"/csv/{run}/numbers.csv", headers=HOST).text)))
    assert [int(row["step"]) for row in rows] == list(STEPS)
    assert client.get(f"/csv/{run}/secrets.csv", headers=HOST).status_code == 404
    assert client.post(f"/follow/{run}/3", headers=HOST).status_code == 204
    assert (runs / run / "follow").read_text() == "3\n"


def test_chosen_runs_are_compared(client: FlaskClient) -> None:
    both = ["20250101T000000-quick", "20250102T000000-quick"]
    parts = ask(client, "runs", options={"runs": both})["parts"]
    assert sorted(series["name"] for series in parts["runs-curves"]["panels"][0]["series"]) == both
    assert parts["runs-diff"]["rows"] == [["training.learning_rate", "0.002", "0.001"]]
    assert ["checkpoint", "checkpoint r000003 (gone: only the newest are kept)"] in [
        row[1:3] for row in parts["runs-notes"]["rows"]
    ]


def test_what_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    client = make_app(tmp_path).server.test_client()
    told = ask(client, "live")
    assert (told["what"], told["fix"]) == ("there is no run 'last'", "./fx quick makes one")
    (tmp_path / "20250101T000000-quick").mkdir()
    (tmp_path / "20250101T000000-quick" / CONFIG).write_text("name: quick\n")
    assert "recorded nothing yet" in ask(client, "live")["what"]


def test_no_name_leads_out_of_the_folder_of_runs(
    runs: Path, monkeypatch: pytest.MonkeyPatch, client: FlaskClient
) -> None:
    """Neither to a run beside it, nor to one below the folder that the server was started in."""
    beside = make_run(runs.parent / "beside", "other")
    monkeypatch.chdir(beside.parent)
    (runs.parent / CONFIG).write_text("name: quick\n")
    for name in ("..", ".", "other", "../beside/other", str(beside)):
        assert ask(client, "live", run=name)["what"] == f"there is no run {name!r}"
    for name in ("%2e%2e", "other"):  # a slash ends the name
        for path in (f"/csv/{name}/numbers.csv", f"/candles/{name}/X/2020-01-01", f"/replays/{name}/x"):
            assert client.get(path, headers=HOST).status_code == 404
        assert client.post(f"/follow/{name}/3", headers=HOST).status_code == 404


def test_pages_of_others_get_no_answer(client: FlaskClient) -> None:
    """A name of theirs that points here (DNS rebinding), or a question from a page of theirs."""
    hosts = ("evil.example", "localhost.evil.example", "")
    others = ("http://evil.example", "http://localhost:9999", "null")
    strange = [{"Host": host} for host in hosts] + [{**HOST, "Origin": origin} for origin in others]
    for headers in strange:
        for path in ("/live", "/health", "/csv/last/numbers.csv", "/_dash-layout"):
            assert client.get(path, headers=headers).status_code == 403
        assert client.post("/news", json={"page": "live"}, headers=headers).status_code == 403


def test_no_key_is_in_a_page(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = {"WANDB_API_KEY": "wandb-0123456789abcdef", "DATABENTO_API_KEY": "db-0123456789abcdef"}
    for name, secret in secrets.items():
        monkeypatch.setenv(name, secret)
    told = [client.get(path, headers=HOST).text for path in ("/", "/health", "/_dash-layout", "/_dash-dependencies")]
    told += [client.get(f"/{page.name}", headers=HOST).text + json.dumps(ask(client, page.name)) for page in pages()]
    assert min(map(len, told)) > 50
    assert not [secret for secret in secrets.values() if secret in "".join(told)]


def test_a_page_is_one_new_file(client: FlaskClient) -> None:
    def layout() -> list[Any]:
        return [part("mine-words", "words", "Mine")]

    def news(view: View) -> dict[str, Any]:
        return {"mine-words": {"text": f"{view.store.last_seq('numbers')} rollouts"}}

    with PAGES.temporary():
        add_page(Page(name="mine", title="Mine", order=9, about="", layout=layout, news=news, tables=("numbers",)))
        assert ask(client, "mine")["parts"] == {"mine-words": {"text": "3 rollouts"}}
