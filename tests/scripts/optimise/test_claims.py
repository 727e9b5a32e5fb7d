"""Trials are neither lost nor counted twice, whoever is killed; the same seed asks for the same points."""

from __future__ import annotations

import json
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.study import Study
from optuna.trial import TrialState

from config.schema.optuna import StudyConfig
from config.studies import load_study
from scripts.optimise.claims import OWNER, SURPLUS, WHY, LostTrialError, next_trial, unfinished
from scripts.optimise.pictures import pictures
from scripts.optimise.spaces import drawn
from scripts.optimise.storages import open_storage
from scripts.optimise.studies import open_study, ranked
from tests.support.forks import FORKS
from tests.support.mortal import died, draw, prepare
from utils.errors import ConfigError

KILLS = 5
LOCK_S = 3
"""After so long the lock of a journal is taken from a dead process."""


def study_of(storage: str, trials: int, *words: str) -> StudyConfig:
    return load_study("quick_search", [f"optuna.storage={storage}", f"optuna.trials={trials}", *words])


def opened(config: StudyConfig) -> Study:
    return open_study(config, open_storage(config.storage), {})


def asked(config: StudyConfig, place: Path, count: int) -> list[dict[str, float]]:
    """Points of `count` trials with a value of their own, by a study that is opened anew half-way."""
    points: list[dict[str, float]] = []
    study = opened(config)
    for number in range(count):
        study = opened(config) if number == count // 2 else study  # as after an interruption
        taken = next_trial(study, config, place)
        assert taken is not None
        points.append(drawn(taken.trial, config.space))
        study.tell(taken.trial, -((points[-1]["training.entropy_coef"] - 0.02) ** 2))
        taken.claim.release()
    return points


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


def work(storage: str, place: Path, count: int, deaths: Path) -> None:
    """Trials of a tenth of a second, as long as there are some."""
    config, kept = study_of(storage, count), open_storage(storage)
    if isinstance(kept, JournalStorage):
        kept._backend._lock.grace_period = LOCK_S  # pyright: ignore - 30 s otherwise
    study = open_study(config, kept, {})
    while (taken := next_trial(study, config, place)) is not None:
        draw(deaths, within_s=0.2)
        point = drawn(taken.trial, config.space)
        for step in range(1, 6):
            time.sleep(0.02)
            if step not in study.get_trials(deepcopy=False)[taken.trial.number].intermediate_values:
                taken.trial.report(point["training.entropy_coef"] * step, step)
        study.tell(taken.trial, point["training.entropy_coef"])
        taken.claim.release()


def begun(*given: object) -> BaseProcess:
    worker = FORKS.Process(target=work, args=given)
    worker.start()
    return worker


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_workers_killed_at_random_lose_nothing_and_count_nothing_twice(kind: str, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'studies.db'}" if kind == "sqlite" else str(tmp_path / "studies.log")
    count, deaths = 12, prepare(tmp_path / "deaths", KILLS)
    study = opened(study_of(storage, count, "optuna.grace_s=1"))
    given = storage, tmp_path, count, deaths
    workers = [begun(*given) for _ in range(4)]
    codes: list[int | None] = []
    while workers:
        ended = workers.pop(0)
        ended.join()
        codes.append(ended.exitcode)
        if ended.exitcode:
            workers.append(begun(*given))
    assert sorted(codes, key=str) == [-signal.SIGKILL] * KILLS + [0] * 4
    assert died(deaths) == KILLS
    assert unfinished(study, study_of(storage, count)) == 0  # whoever is begun anew does what was left behind
    trials = study.get_trials(deepcopy=False)
    assert [trial.number for trial in trials] == list(range(count))
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    for trial in trials:
        assert trial.value == trial.params["training.entropy_coef"]
        assert sorted(trial.intermediate_values) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["tpe", "cmaes", "gp", "random", "qmc"])
def test_the_same_seed_asks_for_the_same_points(kind: str, tmp_path: Path) -> None:
    few = ["optuna.objective.constraints=[]", f"optuna.sampler.kind={kind}", "optuna.sampler.startup_trials=3"]
    made = [asked(study_of(str(tmp_path / f"{name}.log"), 6, *few), tmp_path / name, 6) for name in ("one", "other")]
    assert made[0] == made[1]
    assert len({json.dumps(point) for point in made[0]}) == 6
    other = study_of(str(tmp_path / "third.log"), 6, *few, "optuna.sampler.seed=1")
    if kind != "qmc":
        assert asked(other, tmp_path / "third", 2) != made[0][:2]


def test_a_trial_left_behind_goes_on_under_its_number(sqlite: str, tmp_path: Path) -> None:
    config = study_of(sqlite, 3)
    study = opened(config)
    first = next_trial(study, config, tmp_path)
    assert first is not None
    point = drawn(first.trial, config.space)
    second = next_trial(study, config, tmp_path)
    assert second is not None
    assert second.trial.number == 1  # the first one has somebody
    first.claim.release()  # as when its process dies
    again = next_trial(opened(config), config, tmp_path)
    assert again is not None
    assert (again.trial.number, again.again) == (0, True)
    assert drawn(again.trial, config.space) == point
    study.tell(again.trial, 1.0)
    with pytest.raises((ValueError, optuna.exceptions.UpdateFinishedTrialError)):
        study.tell(first.trial, 2.0)  # whoever comes late is not counted
    assert unfinished(study, config) == 2


def test_a_trial_of_another_machine_is_taken_over_when_it_is_silent(sqlite: str, tmp_path: Path) -> None:
    config = study_of(sqlite, 1)
    study = opened(config)
    first = next_trial(study, config, tmp_path / "there")
    assert first is not None
    first.trial.set_user_attr(OWNER, {"who": "there:1:1", "host": "there", "at": time.time()})
    assert next_trial(study, config, tmp_path / "here") is None
    first.trial.set_user_attr(OWNER, {"who": "there:1:1", "host": "there", "at": time.time() - 2 * config.grace_s})
    again = next_trial(study, config, tmp_path / "here")
    assert again is not None
    assert again.trial.number == 0
    first.claim._beaten = 0.0  # pyright: ignore[reportPrivateUsage] - its next sign of life is due
    with pytest.raises(LostTrialError, match="trial 0 is now with"):
        first.claim.beat(first.trial)
    again.claim.beat(again.trial)


def test_no_more_trials_are_begun_than_asked_for(sqlite: str, tmp_path: Path) -> None:
    config = study_of(sqlite, 2)
    study = opened(config)
    for _ in range(2):
        taken = next_trial(study, config, tmp_path)
        assert taken is not None
        study.tell(taken.trial, 0.0)
    assert next_trial(study, config, tmp_path) is None
    assert unfinished(study, config) == 0
    surplus = study.ask()  # of a machine that had not heard of the last one
    surplus.set_user_attr(WHY, SURPLUS)
    study.tell(surplus, state=TrialState.FAIL)
    assert unfinished(study, study_of(sqlite, 3)) == 1


def test_a_study_with_another_definition_is_refused_by_key(sqlite: str) -> None:
    config = study_of(sqlite, 2)
    open_study(config, open_storage(sqlite), {"training.gamma": 0.9, "seeds": 1})
    with pytest.raises(ConfigError) as refused:
        open_study(config, open_storage(sqlite), {"training.gamma": 0.8, "seeds": 1})
    assert "training.gamma was 0.9, is 0.8" in refused.value.what
    assert "optuna.name=quick_search_2" in refused.value.fix


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("studies", "is no storage"),
        ("nosuch://host/db", "cannot be opened"),
        ("sqlite:////proc/nowhere/x.db", "cannot be opened"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_told(where: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        open_storage(where)
    assert told in refused.value.text()
    assert "sqlite:///" in refused.value.fix


def test_two_objectives_make_a_front(tmp_path: Path) -> None:
    two = ["optuna.objective.second=drawdown", "optuna.pruner.kind=none"]
    config = study_of(str(tmp_path / "two.log"), 5, *two)
    study = opened(config)
    while (taken := next_trial(study, config, tmp_path)) is not None:
        point = drawn(taken.trial, config.space)
        study.tell(taken.trial, [point["model.hold_bias"], point["training.entropy_coef"]])
        taken.claim.release()
    assert next(pictures(study))[0] == "Front"
    assert ranked(study)[0].values[0] == max(trial.values[0] for trial in study.trials)
