"""The page Explain and the causes of a round trip are what the files of a run's checks say."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from metrics import registry as names
from metrics.dashboard.explain.checks import checks, digest_of, thinned
from metrics.dashboard.server import make_app
from metrics.explanation import FOLDER, Decision, Explanation, Failure, Stratum
from metrics.layout import TRADE_ROW
from metrics.reading import ranked, summed
from metrics.run_info import DayFacts
from metrics.run_store import RunStore
from tests.metrics.dashboard.test_news import STEPS, ask, make_run
from tests.support.explanations import DEAD, made_decision, made_explanation
from tests.support.hubs import a_hub
from tests.support.simulation import steady_day

RUN = "20250102T000000-quick"
ENTRY_S, EXIT_S, LANE = 1_100, 1_180, 2


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("recorded"), RUN)


@pytest.fixture
def folder(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(recorded, tmp_path / RUN))


@pytest.fixture
def client(folder: Path) -> FlaskClient:
    return make_app(folder.parent).server.test_client()


def write(folder: Path, *steps: int, decisions: tuple[Decision, ...] = ()) -> list[Explanation]:
    made = [made_explanation(step, turn=i, decisions=decisions) for i, step in enumerate(steps)]
    for one in made:
        one.write(folder / FOLDER)
    return made


def parts_of(client: FlaskClient, page: str = "explain", **options: Any) -> dict[str, Any]:
    return ask(client, page, options=options)["parts"]


def test_charts_have_the_numbers_of_the_newest_check(client: FlaskClient, folder: Path) -> None:
    *_, told = write(folder, 500, 1_000)
    parts = parts_of(client)
    order = ranked(told.features)
    action, shap, value = parts["explain-features"]["traces"]
    assert action["y"][0] == order[0].name.replace("_", " ")
    assert action["x"] == pytest.approx([use.action for use in order], rel=1e-5)
    assert shap["x"] == pytest.approx([use.shap for use in order], rel=1e-5)
    assert value["x"] == pytest.approx([use.value for use in order], rel=1e-5)
    (cells,) = parts["explain-scales"]["traces"]
    for row, use in zip(cells["customdata"], order, strict=True):
        known = [share for share in row if share is not None]
        assert sum(known) == pytest.approx(use.action, rel=1e-4)
        assert len(known) == sum(scale.branch == use.branch for scale in told.scales)
    assert cells["x"][0][:6] == [*["seconds back"] * 5, "minutes back"]
    assert cells["x"][1][:7] == ["now", "1-3", "4-10", "11-30", "31-59", "last", "1-5"]
    families = parts["explain-families"]["traces"][0]
    assert families["x"] == pytest.approx(list(summed(told.features, "family").values()), rel=1e-5)
    assert parts["explain-lag-hf"]["traces"][0]["y"] == pytest.approx(told.lags["hf"], rel=1e-5)
    assert "most 4 s back" in parts["explain-lag-hf"]["label"]
    (attention,) = parts["explain-attention-fusion"]["traces"]
    assert attention["customdata"] == [pytest.approx(row, rel=1e-5) for row in told.attention["fusion"].weights]
    drift = parts["explain-drift"]["traces"][0]["x"]
    assert drift == pytest.approx(sorted((u.drift for u in order if u.drift == u.drift), reverse=True)[:12], rel=1e-5)
    assert told.curve is not None
    assert parts["explain-faithful"]["traces"][0]["y"] == pytest.approx(told.curve.deletion, rel=1e-5)


def test_words_and_tables_say_what_the_check_found(client: FlaskClient, folder: Path) -> None:
    (told,) = write(folder, 1_000)
    parts = parts_of(client)
    cards = {card["label"]: card for card in parts["explain-cards"]}
    assert cards["Decisions explained"]["value"] == "256"
    assert cards["Dead features"]["value"] == "1"
    assert cards["Can it be believed"]["value"] == "sound"
    assert cards["Took"] | {"hint": ""} == {
        "label": "Took",
        "value": "42 s",
        "note": "612 of 2,048 MB",
        "tone": "",
        "hint": "",
    }
    assert parts["explain-advice"]["rows"][0][:4] == [
        DEAD.replace("_", " "),
        "seconds (hf)",
        "dead",
        f"leave it out: feature.exclude=[{DEAD}]",
    ]
    assert parts["explain-redundant"]["rows"][0][-1] == "+0.987"
    assert [row[1] for row in parts["explain-soundness"]["rows"]] == ["yes"] * 4
    assert parts["explain-heads"]["rows"][0] == [
        "seconds",
        "head 1",
        parts["explain-heads"]["rows"][0][2],
        ["40 %", 0.4],
    ]
    assert [row[0] for row in parts["explain-gates"]["rows"]] == ["seconds", "this second", "minutes", "sessions"]
    assert parts["explain-gates"]["rows"][-1][1:3] == ["shut", "2.3 %"]
    grid = {row["id"]: row for row in parts["explain-grid"]["rows"]}
    assert len(grid) == len(told.features)
    assert grid["side"]["drift"] is None
    assert "begin with the second" in parts["explain-course"]["empty"]


def test_an_earlier_check_can_be_chosen_and_all_are_lines(client: FlaskClient, folder: Path) -> None:
    first, second, third = write(folder, 500, 1_000, 1_500)
    newest, older = parts_of(client), parts_of(client, check="500")
    choice = older["explain-check"]
    assert [option["value"] for option in choice["options"]] == ["", "1000", "500"]
    assert choice["chosen"] == "500"
    assert newest["explain-check"]["chosen"] == ""
    assert older["explain-features"]["traces"][0]["y"][0] == ranked(first.features)[0].name.replace("_", " ")
    course = {panel["title"]: panel for panel in newest["explain-course"]["panels"]}
    lines = {line["name"]: line for line in course["Share by branch"]["series"]}
    shares = [summed(told.features, "branch")["mf"] for told in (first, second, third)]
    assert lines["minutes (mf)"]["x"] == [500, 1_000, 1_500]
    assert lines["minutes (mf)"]["y"] == pytest.approx(shares, rel=1e-5)
    assert parts_of(client, check="7")["explain-check"]["chosen"] == ""  # of another run


def test_without_a_check_it_says_what_to_do(client: FlaskClient, folder: Path) -> None:
    parts = parts_of(client)
    assert "explain.every" in parts["explain-check"]["fix"]
    Failure(512, 0.0, "was killed by SIGKILL", ["out of memory"], 2).write(folder / FOLDER)
    told = parts_of(client)["explain-check"]["empty"]
    assert "step 512 came to nothing" in told
    assert "out of memory" in told
    assert "2 checks have failed" in told


def test_a_failed_check_and_a_damaged_file_are_told_above_the_last_good_one(client: FlaskClient, folder: Path) -> None:
    good, *_ = write(folder, 500, 1_000)
    Failure(1_500, 0.0, "took longer than 1,800 s", [], 1).write(folder / FOLDER)
    (folder / FOLDER / "1000.json").write_text('{"format": 1, "step"')
    parts = parts_of(client)
    choice = parts["explain-check"]
    assert choice["options"][0] == {"value": "", "text": "newest: step 1,000 (damaged)"}
    assert choice["chosen"] == "500"
    damaged, failed = choice["trouble"]
    assert "step 1,000 cannot be read" in damaged
    assert "it took longer than 1,800 s" in failed
    assert parts["explain-cards"][1]["value"] == ranked(good.features)[0].name.replace("_", " ")


def test_a_new_check_is_news_and_a_file_is_read_once(client: FlaskClient, folder: Path) -> None:
    write(folder, 500)
    told = ask(client, "explain")
    have = {"since": told["since"], "key": told["key"], "run": told["run"]}
    with a_hub(folder, "store", resumed_at=STEPS[-1]) as hub:
        hub.log(2_048, {names.REWARD.name: 1.0})
    more = ask(client, "explain", **have)
    assert set(more["parts"]) == {"explain-gates", "explain-curves"}  # charts of the check are not drawn anew
    write(folder, 500, 1_000)
    before = digest_of.cache_info().misses
    have |= {"since": more["since"], "key": more["key"]}
    again = ask(client, "explain", **have)
    assert again["parts"]["explain-check"]["options"][0]["text"] == "newest: step 1,000"
    checks(folder)
    assert digest_of.cache_info().misses <= before + 2


def test_long_trainings_are_thinned_from_the_newest_on(folder: Path) -> None:
    write(folder, 500)
    (check,) = checks(folder)
    kept = [one.step for one in thinned([check._replace(step=step) for step in range(1, 402)])]
    assert kept[-1] == 401
    assert len(kept) == 58
    assert set(np.diff(kept)) == {7}


# ---------------------------------------------------------------- round trips
@pytest.fixture
def traded(folder: Path) -> Path:
    """With a round trip that was closed in the last rollout."""
    trades = np.zeros(1, TRADE_ROW)
    trades["lane"], trades["second"], trades["held_s"], trades["side"] = LANE, EXIT_S + 1, EXIT_S - ENTRY_S, 1
    trades["shares"], trades["entry_price"], trades["exit_price"], trades["pnl"] = 100, 5.0, 5.05, 5.0
    facts = DayFacts(steady_day(), 0.75, np.zeros(0, np.dtype([("second", "i4")])))
    with a_hub(folder, "store", days=(facts,), resumed_at=STEPS[-1]) as hub:
        hub.rows(STEPS[-1], {"trades": trades})
    return folder


def decided(second: int, stratum: Stratum, lane: int = LANE) -> Decision:
    day = steady_day()
    return made_decision(day.symbol, day.date.isoformat(), second, stratum, lane=lane)


def test_a_round_trip_shows_the_causes_of_both_ends(client: FlaskClient, traded: Path) -> None:
    entry, leave = decided(ENTRY_S, Stratum.ENTRY), decided(EXIT_S, Stratum.EXIT)
    other = decided(ENTRY_S, Stratum.ENTRY, lane=LANE + 1)
    write(traded, STEPS[-1], decisions=(entry, leave, other))
    parts = parts_of(client, "trades")
    assert [row["why"] for row in parts["trades-grid"]["rows"]] == ["entry, exit"]
    rows = parts["trades-causes"]["rows"]
    assert [row[0] for row in rows] == ["entry"] * 5 + ["exit"] * 5
    first = entry.causes[0]
    assert rows[0][1:4] == [first.name.replace("_", " "), rows[0][2], f"{first.value:+.3g}"]
    assert rows[0][4] == [f"{100 * first.share:+.1f} %", 1.0]
    assert rows[1][4][1] == pytest.approx(entry.causes[1].share / first.share)
    facts = {fact["term"]: fact["text"] for fact in parts["trades-facts"]}
    assert f"step {STEPS[-1]:,}" in facts["Entry explained"]
    assert "seconds (hf) 62 %" in facts["Exit explained"]


def test_a_decision_of_another_rollout_on_the_same_second_is_not_its_own(client: FlaskClient, traded: Path) -> None:
    parts = parts_of(client, "trades")
    assert "explain.every" in parts["trades-causes"]["fix"]
    later = STEPS[-1] + 10_000_000
    write(traded, later, decisions=(decided(ENTRY_S, Stratum.ENTRY),))
    parts = parts_of(client, "trades")
    assert [row["why"] for row in parts["trades-grid"]["rows"]] == [""]
    assert "not among them" in parts["trades-causes"]["empty"]


def test_shares_that_are_not_known_are_left_out(client: FlaskClient, folder: Path) -> None:
    told = made_explanation(1_000)
    plain = [use._replace(shap=math.nan, drift=math.nan) for use in told.features]
    replace(told, features=plain, agreement=math.nan, curve=None).write(folder / FOLDER)
    parts = parts_of(client)
    assert [trace["name"] for trace in parts["explain-features"]["traces"]] == ["decision", "critic's value"]
    assert "not known" in parts["explain-drift"]["empty"]
    assert "not asked" in parts["explain-faithful"]["empty"]
    with RunStore(folder) as store:
        assert store.last_seq("numbers") == len(STEPS)
