"""Spaces: what is drawn, when, what it amounts to, and what is refused before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest

from config.keys import schema_keys
from config.schema import Config
from config.schema.optuna import ParameterConfig
from config.studies import load_study, study_files, study_summary
from scripts.optimise.spaces import Variants, check_space, distribution, drawn, fitting
from utils.errors import ConfigError

HEAD = "# A study of one's own.\nname: mine\n"


def own(folder: Path, text: str) -> str:
    path = folder / "mine.yaml"
    path.write_text(HEAD + text)
    return str(path)


def parameter(**given: Any) -> ParameterConfig:
    template: dict[str, Any] = {"low": None, "high": None, "log": False, "step": None, "choices": [], "when": {}}
    return ParameterConfig(**{**template, **given})


def point_of(space: dict[str, ParameterConfig], seed: int) -> dict[str, Any]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return drawn(study.ask(), space)


@pytest.mark.parametrize("name", study_files())
def test_every_study_file_is_whole_and_all_its_points_can_be_trained(name: str) -> None:
    study = load_study(name)
    assert study_summary(name)
    check_space(study, Variants(study, []))


def test_phase_2_varies_the_weight_of_every_component() -> None:
    study = load_study("phase2_reward")
    components = Variants(study, []).config({}).reward.components
    assert {f"reward.components.{name}.weight" for name in components} == set(study.space)
    assert all(component.enabled for component in components.values())


@pytest.mark.parametrize(
    "key",
    [
        "training.learning_rate",
        "training.batch_size",
        "training.entropy_coef",
        "training.gamma",
        "model.d_model",
        "model.layers",
        "reward.components.log_equity.weight",
    ],
)
def test_phase_1_varies_what_it_is_for(key: str) -> None:
    assert key in load_study("phase1_foundation").space


def test_a_space_of_ones_own_is_one_file(tmp_path: Path) -> None:
    text = "base: quick\nspace:\n  training.clip_range: {kind: float, low: 0.1, high: 0.3, step: 0.1}\n"
    study = load_study(own(tmp_path, text), ["optuna.trials=7", "optuna.sampler.kind=qmc", "training.lanes=8"])
    assert (study.name, study.trials, study.sampler.kind, study.base) == ("mine", 7, "qmc", "quick")
    made = Variants(study, ["training.lanes=8", "training.n_steps=128"]).config({"training.clip_range": 0.2})
    assert (made.training.clip_range, made.training.lanes) == (0.2, 8)
    assert list(study.objective.conditions) == ["as configured"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("space:\n  training.gama: {kind: float, low: 0.1, high: 0.3}", "training.gamma"),
        ("space:\n  training.gamma: {kind: flot, low: 0.1, high: 0.3}", "use float, int or categorical"),
        ("space:\n  training.gamma: {kind: float, low: 0.4, high: 0.3}", "use 0.3"),
        ("space:\n  training.gamma: {kind: float, low: 0.0, high: 0.3, log: true}", "with log use more than 0"),
        ("space:\n  training.gamma: {kind: float, lowest: 0.0, high: 0.3}", "use low"),
        ("space:\n  training.gamma: {kind: categorical}", "list at least one value"),
        ("space:\n  training.gamma: 0.3", "kind: float"),
        ("space:\n  data.folder: {kind: categorical, choices: [a, b]}", "trials share a market"),
        ("space:\n  training.total_steps: {kind: int, low: 1, high: 2}", "the study sets it"),
        ("space:\n  model.d_model: {kind: categorical, choices: [32, 48]}\n"
         "  model.heads: {kind: categorical, choices: [4, 32]}", "not a multiple of model.heads"),
        ("space:\n  training.lanes: {kind: int, low: 2, high: 4}", "exceeds n_steps"),
        ("spaces: {}", "use space"),
        ("trials: 3", "space"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_the_fix(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        study = load_study(own(tmp_path, text))
        check_space(study, Variants(study, []))
    assert told in refused.value.text()


def test_conditions_decide_what_is_drawn() -> None:
    space = {
        "training.learning_rate_schedule": parameter(kind="categorical", choices=["constant", "linear"]),
        "training.final_learning_rate": parameter(
            kind="float", low=1e-5, high=1e-3, log=True, when={"training.learning_rate_schedule": ["linear"]}
        ),
    }
    points = [point_of(space, seed) for seed in range(20)]
    for point in points:
        linear = point["training.learning_rate_schedule"] == "linear"
        assert ("training.final_learning_rate" in point) == linear
    assert {len(point) for point in points} == {1, 2}


def test_lists_and_groups_are_choices() -> None:
    study = load_study("phase3_finetune", [], {"words": [], "start": []})
    variants = Variants(study, [])
    made = variants.config({"curriculum.stages[*].episode_s": "[300, 600]", "curriculum": "uniform"})
    assert [list(stage.episode_s) for stage in made.curriculum.stages] == [[300, 600]]
    made = variants.config({"curriculum.stages[everything].episode_s": "[300, 600]"})
    assert [list(stage.episode_s) for stage in made.curriculum.stages] == [[600, 1200], [600, 1200], [300, 600]]


def test_gamma_of_the_reward_follows_that_of_the_training() -> None:
    study = load_study("quick_search")
    made: Config = Variants(study, []).config({"training.gamma": 0.9})
    assert made.reward.gamma == 0.9


def test_a_point_is_moved_into_the_space() -> None:
    space = {
        "a": parameter(kind="float", low=0.0, high=1.0),
        "b": parameter(kind="int", low=2, high=8, step=2),
        "c": parameter(kind="categorical", choices=["x", [1, 2]]),
        "d": parameter(kind="float", low=0.0, high=1.0),
    }
    assert fitting(space, {"a": 1.5, "b": 5.1, "c": [1, 2], "e": 1}) == {"a": 1.0, "b": 6, "c": "[1, 2]"}
    assert fitting(space, {"a": -1, "b": 99, "c": "y"}) == {"a": 0.0, "b": 8}


def test_distributions_are_optunas_own() -> None:
    assert distribution(parameter(kind="int", low=1, high=9, log=True)) == optuna.distributions.IntDistribution(
        1, 9, log=True
    )
    assert "space" in schema_keys(type(load_study("quick_search")))


@pytest.mark.parametrize(
    ("word", "near"),
    [("optuna.trails=3", "optuna.trials"), ("optuna.sampler.kid=gp", "optuna.sampler.kind"), ("optuna.space.x=1", "")],
)
def test_a_word_that_is_no_key_of_a_study_is_refused(word: str, near: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_study("quick_search", [word])
    assert near in refused.value.text()


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("optuna.trials=0", "use 1 or more"),
        ("optuna.trials=many", "optuna.trials"),
        ("optuna.sampler.kind=tpee", "use tpe"),
        ("optuna.objective.second=drawdown", "with two objectives use none"),
    ],
)
def test_a_value_out_of_range_is_refused(word: str, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load_study("quick_search", [word])
    assert told in refused.value.text()
