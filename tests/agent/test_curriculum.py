from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from agent.curriculum import Curriculum
from config.schema import BatchConfig, CurriculumConfig, RotationConfig, StageConfig
from config.search import group_options
from data.layout import RESET_POINT
from data.scanner.index import MomentumIndex
from data.scanner.judge import Judged, Status, without_timeline
from envs.episodes import Episode, EpisodeOutcome
from simulators.layout import Ending
from tests.support.configs import load_config
from utils.errors import ConfigError, ModelError

FIRST = dt.date(2025, 3, 3)
FIRST_QUOTE, END = 600, 57_600


def points_of(*rows: tuple[int, float, float]) -> npt.NDArray[np.void]:
    """(second, roc, activity); every other one is on the front side, beginning with the first."""
    points = np.zeros(len(rows), RESET_POINT)
    for point, (second, roc, activity) in zip(points, rows, strict=True):
        point["second"], point["roc"], point["activity"] = second, roc, activity
    points["front"][::2] = 1
    return points


def judged(quality: float, *rows: tuple[int, float, float], first_quote: int = FIRST_QUOTE) -> Judged:
    row = {"status": str(Status.TAKEN), "reason": "", "quality": quality, "first_quote_s": first_quote, "end_s": END}
    return Judged({**row, "reset_points": len(rows)}, points_of(*rows))


DAYS = [
    ("AAA", FIRST, judged(0.9, (10_000, 0.05, 0.9), (20_000, -0.02, 0.8), (30_000, 0.01, 0.2))),
    ("AAA", FIRST + dt.timedelta(days=1), judged(0.4, (12_000, 0.0, 0.4), (22_000, 0.1, 0.6))),
    ("BBB", FIRST, judged(0.2, (15_000, 0.0, 0.5))),
    ("CCC", FIRST, without_timeline(Status.REJECTED, "quiet")),
    ("DDD", FIRST, judged(0.5, (15_000, 0.0, 0.5), first_quote=-1)),
]
ENTRIES = [(symbol, date) for symbol, date, _ in DAYS]
INDEX = MomentumIndex.of(DAYS, {})


def stage(**changes: object) -> StageConfig:
    plain = StageConfig(
        name="all",
        symbols=[],
        date_range=[],
        quality=[],
        roc=[],
        activity=[],
        direction="both",
        episode_s=[600, 1200],
        steps=0,
        advance_at=0.02,
        fall_back_at=None,
        batch=BatchConfig(None, None, None, None),
    )
    return dataclasses.replace(plain, **changes)  # pyright: ignore[reportArgumentType]


def valid(*stages: StageConfig, **changes: object) -> CurriculumConfig:
    values = {"uniform_share": 0.2, "window": 4, "hold": 2, "lead_s": [30, 300]}
    rotation = RotationConfig(quality_floor=0.1, progress=1.0, staleness=0.0, most=3.0)
    return CurriculumConfig(stages=list(stages), **{"rotation": rotation, **values, **changes})  # pyright: ignore[reportArgumentType]


def config_of(*stages: StageConfig, uniform: float = 0.0) -> CurriculumConfig:
    """Without uniform draws and with any last stage, which no file may ask for: the stages show undiluted."""
    config = valid(stage())
    config.stages, config.uniform_share = list(stages), uniform
    return config


def made(*stages: StageConfig, lanes: int = 2, seed: int = 0, uniform: float = 0.0, **more: object) -> Curriculum:
    config = config_of(*(stages or (stage(),)), uniform=uniform)
    return Curriculum(config, INDEX, ENTRIES, lanes, seed, **more)  # pyright: ignore[reportArgumentType]


def outcome(lane: int, episode: Episode, log_return: float = 0.0, steps: int = 100) -> EpisodeOutcome:
    return EpisodeOutcome(lane, episode, log_return, 0.0, 1, Ending.LENGTH, steps)


# ---------------------------------------------------------------- dealing
def test_episodes_start_ahead_of_a_reset_point() -> None:
    curriculum = made(stage(symbols=["AAA", "BBB"]))
    seconds = {n: judgement.points["second"] for n, (_, _, judgement) in enumerate(DAYS)}
    for _ in range(200):
        day, start, length = curriculum.next(0)
        ahead = seconds[day] - start
        assert ((ahead >= 30) & (ahead <= 300)).sum() == 1
        assert 600 <= length <= 1200


def test_a_day_is_cycled_before_the_next() -> None:
    curriculum = made(stage(symbols=["AAA"]))
    dealt = [curriculum.next(0) for _ in range(50)]
    at = 0
    while at < 40:
        day = dealt[at].day
        count = len(DAYS[day][2].points)
        visit = dealt[at : at + count]
        assert {e.day for e in visit} == {day}
        nearest = {int(np.argmin(np.abs(DAYS[day][2].points["second"] - 165 - e.start))) for e in visit}
        assert len(nearest) == count  # every point once
        assert dealt[at + count].day != day
        at += count


def test_lanes_have_their_own_streams() -> None:
    curriculum = made(lanes=3)
    alone = made(lanes=3)
    dealt = [[curriculum.next(lane) for lane in range(3)] for _ in range(20)]
    assert [row[1] for row in dealt] == [alone.next(1) for _ in range(20)]  # whatever other lanes do
    assert [row[0] for row in dealt] != [row[1] for row in dealt]
    assert made(seed=1).next(0) != made(seed=0).next(0)


def test_uniform_draws_cover_days_and_seconds() -> None:
    """At share 1 everything is uniform over the usable days (DDD has no book), whatever the stage says."""
    curriculum = made(stage(symbols=["BBB"]), uniform=1.0)
    dealt = [curriculum.next(0) for _ in range(4_000)]
    days = Counter(e.day for e in dealt)
    assert set(days) == {0, 1, 2, 3}
    assert max(days.values()) - min(days.values()) < 250
    starts = np.array([e.start for e in dealt if e.day == 0])
    assert starts.min() >= FIRST_QUOTE
    assert starts.max() < END - 600
    counts, _ = np.histogram(starts, bins=5, range=(FIRST_QUOTE, END - 600))
    assert counts.min() > 0.75 * counts.max()
    unjudged = np.array([e.start for e in dealt if e.day == 3])
    assert 19_800 <= unjudged.min() < unjudged.max() < 43_200  # regular hours


def test_uniform_share_is_kept_in_every_stage() -> None:
    curriculum = made(stage(symbols=["BBB"]), uniform=0.2)
    dealt = [curriculum.next(0) for _ in range(3_000)]
    other = sum(e.day != 2 for e in dealt) / len(dealt)
    assert other == pytest.approx(0.2 * 3 / 4, abs=0.025)


def test_better_days_come_more_often() -> None:
    curriculum = made()
    visits: Counter[int] = Counter()
    for _ in range(4_000):
        episode = curriculum.next(0)
        visits[episode.day] += 1
        curriculum.report(outcome(0, episode))
    per_point = {day: visits[day] / max(len(DAYS[day][2].points), 1) for day in visits}
    assert per_point[0] > per_point[1] > per_point[2] > 0


def test_days_in_motion_come_more_often() -> None:
    def share(noise: float) -> float:
        rng = np.random.default_rng(0)
        curriculum = made(stage(quality=[0.2, 1.0]), lanes=1)
        hits = 0
        for _ in range(3_000):
            episode = curriculum.next(0)
            hits += episode.day == 2
            curriculum.report(outcome(0, episode, noise * float(rng.normal()) if episode.day == 2 else 0.0))
        return hits / 3_000

    assert share(0.1) > share(0.0) * 1.2


# ---------------------------------------------------------------- filters
def test_points_are_filtered_by_roc_and_activity() -> None:
    curriculum = made(stage(symbols=["AAA"], roc=[0.0, 0.06], activity=[0.5, 1.0]))
    assert curriculum.summary()["reset_points"] == 1
    assert {curriculum.next(0).day for _ in range(20)} == {0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"date_range": ["2026-01-01", "2026-02-01"]}, "date_range"),
        ({"quality": [0.95, 1.0]}, "quality"),
        ({"roc": [0.5, 0.9]}, "roc"),
        ({"activity": [0.95, 1.0]}, "activity"),
        ({"symbols": ["BBB"], "direction": "back"}, "direction"),
    ],
)
def test_an_empty_stage_says_which_filter_emptied_it(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=rf"curriculum.stages\[all\].{told} is .* leaves none of") as error:
        made(stage(), stage(**changes))
    assert error.value.where


def test_episodes_keep_to_the_session() -> None:
    """09:30 to 11:00: points outside are left out, uniform draws stay inside, the shortest episode fits."""
    hours = (19_800, 25_200)
    curriculum = made(stage(symbols=["AAA"]), uniform=0.5, hours=hours)
    dealt = [curriculum.next(0) for _ in range(300)]
    assert min(e.start for e in dealt) >= hours[0]
    assert max(e.start for e in dealt) <= hours[1] - 600
    with pytest.raises(ConfigError, match="in the session"):
        made(hours=(0, FIRST_QUOTE))


def test_symbols_override_the_stages() -> None:
    curriculum = made(stage(symbols=["BBB"]), symbols=["AAA"], uniform=0.3)
    assert {curriculum.next(0).day for _ in range(50)} == {0, 1}


def test_unknown_symbols_are_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as error:
        made(symbols=["AAB"])
    assert "AAA" in error.value.near
    with pytest.raises(ConfigError, match=r"stages\[all\].symbols names AAX"):
        made(stage(symbols=["AAX"]))


def test_nothing_to_train_on() -> None:
    with pytest.raises(ConfigError, match="there is no day to train on"):
        Curriculum(config_of(stage()), INDEX, [], 1, 0)
    with pytest.raises(ConfigError, match="two-sided book"):
        Curriculum(config_of(stage()), INDEX, [ENTRIES[4]], 1, 0)


def test_late_points_leave_room_for_the_shortest_episode() -> None:
    late = MomentumIndex.of([("AAA", FIRST, judged(0.5, (57_590, 0.0, 0.5), (610, 0.0, 0.5)))], {})
    curriculum = Curriculum(config_of(stage()), late, [("AAA", FIRST)], 1, 0)
    starts = {curriculum.next(0).start for _ in range(20)}
    assert max(starts) == END - 2 - 600
    assert min(starts) == FIRST_QUOTE


@pytest.mark.parametrize(("direction", "seconds"), [("front", [10_000, 30_000]), ("back", [20_000])])
def test_sides_are_dealt_apart(direction: str, seconds: list[int]) -> None:
    curriculum = made(stage(symbols=["AAA"], date_range=[FIRST.isoformat()] * 2, direction=direction))
    assert curriculum.summary()["reset_points"] == len(seconds)
    dealt = [curriculum.next(0) for _ in range(30)]
    assert {min(DAYS[0][2].points["second"], key=lambda s: abs(s - 165 - e.start)) for e in dealt} == set(seconds)


def test_what_is_left_of_a_stage_is_told() -> None:
    curriculum = made(stage(symbols=["AAA"]), lanes=1)
    left = [curriculum.summary()]
    for _ in range(5):
        curriculum.next(0)
        left.append(curriculum.summary())
    assert [told["points_left"] for told in left] == [5, 4, 3, 2, 1, 0]
    assert [told["days_left"] for told in left][::5] == [2, 0]
    uniform = made(stage(symbols=["AAA"]), uniform=1.0)
    uniform.next(0)
    assert (uniform.summary()["points_left"], uniform.summary()["uniform_share"]) == (5, 1.0)


# ---------------------------------------------------------------- stages
def play(curriculum: Curriculum, log_return: float, count: int, lane: int = 0) -> None:
    for _ in range(count):
        curriculum.report(outcome(lane, curriculum.next(lane), log_return))


def test_success_must_hold() -> None:
    curriculum = made(stage(name="one"), stage(name="two"))
    play(curriculum, 0.05, 3)
    assert curriculum.progress() == 0.0  # the window (4) is not full
    play(curriculum, 0.05, 1)
    assert curriculum.progress() == 0.5  # one of two
    play(curriculum, -1.0, 1)
    assert curriculum.progress() == 0.0  # lost again
    play(curriculum, 0.05, 4)
    assert curriculum.stage_name == "one"
    play(curriculum, 0.05, 1)
    assert (curriculum.stage, curriculum.stage_name) == (1, "two")
    assert curriculum.mean_log_return == 0.0
    play(curriculum, 5.0, 50)
    assert curriculum.stage == 1  # the last one has no end


def test_lost_success_falls_back_and_must_be_lost_for_long() -> None:
    curriculum = made(stage(name="one"), stage(name="two", fall_back_at=-0.01, advance_at=9.0), stage(name="three"))
    play(curriculum, 0.05, 5)
    assert curriculum.stage_name == "two"
    play(curriculum, 0.0, 20)  # between fall_back_at and advance_at: neither
    assert (curriculum.stage_name, curriculum.summary()["missed"]) == ("two", 0)
    play(curriculum, -0.05, 1)  # mean of the window -0.0125: once is not enough
    assert (curriculum.stage_name, curriculum.summary()["missed"]) == ("two", 1)
    play(curriculum, 0.2, 1)
    assert curriculum.summary()["missed"] == 0
    play(curriculum, -1.0, 2)
    assert (curriculum.stage_name, curriculum.summary()["episodes"]) == ("one", 0)
    play(curriculum, -1.0, 20)
    assert curriculum.stage_name == "one"  # there is none before
    play(curriculum, 0.05, 5)
    assert curriculum.stage_name == "two"


def test_steps_end_a_stage() -> None:
    curriculum = made(stage(name="one", steps=1_000, advance_at=9.0), stage(name="two"))
    play(curriculum, 0.0, 9)
    assert (curriculum.stage, curriculum.progress()) == (0, 0.9)
    play(curriculum, 0.0, 1)
    assert curriculum.stage == 1


def test_episodes_of_an_earlier_stage_tell_nothing_of_this_one() -> None:
    curriculum = made(stage(name="one", steps=100, advance_at=9.0), stage(name="two"))
    old = curriculum.next(1)
    play(curriculum, 0.0, 1)
    assert curriculum.stage == 1
    curriculum.report(outcome(1, old, 7.0))
    assert curriculum.summary()["episodes"] == 0


def test_uniform_draws_do_not_count_as_success() -> None:
    curriculum = made(stage(name="one"), stage(name="two"), uniform=1.0)
    play(curriculum, 1.0, 50)
    assert curriculum.stage == 0


# ---------------------------------------------------------------- resuming
def test_state_resumes_exactly() -> None:
    stages = (stage(name="one", steps=5_000, advance_at=9.0), stage(name="two"))
    whole, first = (made(*stages, lanes=3, uniform=0.2) for _ in range(2))
    rng = np.random.default_rng(5)
    returns = rng.normal(0, 0.1, 200)

    def go(curriculum: Curriculum, begin: int, end: int) -> list[Episode]:
        dealt: list[Episode] = []
        for i in range(begin, end):
            dealt.append(curriculum.next(i % 3))
            curriculum.report(outcome(i % 3, dealt[-1], float(returns[i])))
        return dealt

    expected = go(whole, 0, 200)
    assert go(first, 0, 77) == expected[:77]
    saved = json.loads(json.dumps(first.state(), allow_nan=False))
    resumed = made(*stages, lanes=3, seed=99, uniform=0.2)
    resumed.load_state(saved)
    assert go(resumed, 77, 200) == expected[77:]
    assert resumed.state() == whole.state()
    assert resumed.stage == 1


def test_reseed_begins_again() -> None:
    curriculum = made(seed=3)
    dealt = [curriculum.next(0) for _ in range(10)]
    curriculum.reseed(3)
    assert [curriculum.next(0) for _ in range(10)] == dealt


def test_a_stage_is_entered_by_name() -> None:
    curriculum = made(stage(name="first"), stage(name="last"))
    play(curriculum, 0.0, 3)
    curriculum.enter_named("last")
    assert (curriculum.stage_name, curriculum.summary()["episodes"]) == ("last", 0)
    curriculum.enter_named("of another file")
    assert curriculum.stage_name == "first"


def test_a_state_of_something_else_is_refused() -> None:
    saved = made(lanes=2).state()
    for other in (made(lanes=3), made(stage(name="other")), Curriculum(config_of(stage()), INDEX, ENTRIES[:2], 2, 0)):
        with pytest.raises(ModelError, match="the saved curriculum has other"):
            other.load_state(saved)


# ---------------------------------------------------------------- configuration
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"quality": [1.0, 0.0]}, "quality is"),
        ({"quality": [0.5, 1.2]}, "quality is"),
        ({"roc": [0.1]}, "roc is"),
        ({"activity": [-0.1, 0.5]}, "activity is"),
        ({"date_range": ["2025-01-01", "2025-13-01"]}, "date_range is"),
        ({"direction": "up"}, "direction is up"),
        ({"episode_s": [0, 5]}, "episode_s is"),
        ({"episode_s": [9, 5]}, "episode_s is"),
        ({"steps": -1}, "steps is"),
        ({"fall_back_at": 0.02}, "fall_back_at is"),
    ],
)
def test_stages_are_checked(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=rf"curriculum.stages\[all\].{told}.*use "):
        stage(**changes)


@pytest.mark.parametrize(
    ("stages", "changes", "told"),
    [
        ([stage()], {"uniform_share": 0.19}, "uniform_share is 0.19; use 0.2 to 1"),
        ([stage()], {"uniform_share": 1.5}, "uniform_share"),
        ([stage()], {"lead_s": [0, 10]}, "lead_s"),
        ([stage()], {"window": 0}, "window is 0"),
        ([], {}, "give it one stage"),
        ([stage(), stage()], {}, "each name once"),
        ([stage(fall_back_at=0.0)], {}, "there is no stage before"),
        ([stage(symbols=["AAA"])], {}, "the last stage covers everything"),
        ([stage(quality=[0.5, 1.0])], {}, "the last stage covers everything"),
        ([stage(direction="front")], {}, "the last stage covers everything"),
        ([stage(steps=10)], {}, "the last stage covers everything"),
    ],
)
def test_curricula_are_checked(stages: list[StageConfig], changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        valid(*stages, **changes)


@pytest.mark.parametrize("name", group_options()["curriculum"])
def test_the_shipped_curricula_compose_and_keep_their_controls(name: str) -> None:
    config = load_config("momentum_training", [f"curriculum={name}"]).curriculum
    assert config.uniform_share >= 0.2
    assert config.stages[-1].steps == 0
