"""Every configuration and every option composes; what is wrong is refused by its full key."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from config.compose import config_yaml, load_config, plain_config, saved_config, taken_up
from config.keys import leaves, schema_keys
from config.schema import Config
from config.search import FOLDER, STUDIES, config_names, config_summary, group_options
from utils.errors import ConfigError
from utils.paths import ROOT

OPTIONS = group_options()
SOURCES = (
    "main.py",
    "config/compose.py",
    "agent",
    "ai",
    "data",
    "envs",
    "feature",
    "metrics",
    "rewards",
    "scripts",
    "simulators",
)
KEY = "0123456789abcdef-of-somebody"
HOSTILE = {
    "the environment": "${oc.env:WANDB_API_KEY}",
    "a call": "!!python/object/apply:os.system ['touch was-here']",
    "a class": "!!python/object/new:subprocess.Popen [['touch', 'was-here']]",
    "an object": "{_target_: os.system, command: touch was-here}",
}
"""In place of a value."""
NEEDS = {"backtest_date": ["backtest.date=2025-04-15"]}
"""Configurations that leave a value to the command line."""


@pytest.mark.parametrize("name", config_names())
def test_every_configuration_composes_and_says_what_it_is_for(name: str) -> None:
    config = load_config(name, NEEDS.get(name, []))
    assert isinstance(config, Config)
    assert config_summary(name).endswith((".", "?"))


@pytest.mark.parametrize("number", range(max(map(len, OPTIONS.values()))))
def test_every_option_composes(number: int) -> None:
    """The one of that number of every group, all at once."""
    chosen = [f"{group}={options[number % len(options)]}" for group, options in OPTIONS.items()]
    load_config("quick", [*chosen, 'backtest.date=""'])


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda p: p.relative_to(FOLDER).as_posix())
def test_no_file_is_out_of_reach(path: Path) -> None:
    """A YAML file is a configuration, what they share, or an option of a group that the defaults list picks from."""
    group = path.parent.relative_to(FOLDER).as_posix()
    if group == ".":
        assert path.stem in [*config_names(), "_base"]
    else:
        assert group == STUDIES or group.split("/")[0] in {f.name for f in dataclasses.fields(Config)}


def test_yaml_round_trip() -> None:
    config = load_config("quick", ["symbols=[NVDA]"])
    again = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.create(config_yaml(config)))
    assert OmegaConf.to_object(again) == config


def test_the_schema_has_no_values() -> None:
    """Values live in YAML only."""

    def check(node: type) -> None:
        for field in dataclasses.fields(node):
            assert field.default == "???", f"{node.__name__}.{field.name} has a default"
        for kind in typing.get_type_hints(node).values():
            for inner in (kind, *typing.get_args(kind)):
                if dataclasses.is_dataclass(inner):
                    check(typing.cast("type", inner))

    check(Config)


def test_every_key_is_read_somewhere() -> None:
    """A key that nothing reads promises what does not happen."""
    code = "\n".join(
        path.read_text()
        for name in SOURCES
        for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    )
    words = set(re.findall(r"\.(\w+)\b", code)) | set(re.findall(r"\"(\w+)\"", code))
    names = {key.rpartition(".")[2] for key in schema_keys()}
    names |= {key.rpartition(".")[2] for key in _item_keys(plain_config(load_config("quick", [])))}
    assert sorted(names - words) == []


def _item_keys(plain: object) -> set[str]:
    """Keys of the records inside lists."""
    found: set[str] = set()
    for key, value in leaves(plain).items():
        if isinstance(value, list):
            for item in typing.cast("list[object]", value):
                found |= {f"{key}.{k}" for k in leaves(item) if k}
    return found


REFUSED = {
    "qick": ([], ["no configuration 'qick'", "quick"]),
    "training.lane=3": (["training.lane=3"], ["'training.lane'", "command line", "training.lanes"]),
    "lanes=3": (["lanes=3"], ["'lanes'", "training.lanes"]),
    "added": (["+training.foo=1"], ["'training.foo'", "command line"]),
    "type": (["training.lanes=many"], ["training.lanes", "'many'", "Integer", "for example training.lanes="]),
    "list": (["symbols=NVDA"], ["symbols", "[A,B]"]),
    "list in a list": (["metrics.sinks=[[store]]"], ["metrics.sinks holds ['store']", "plain values"]),
    "value for a list": (["sample.fader.end=${seed}"], ["sample.fader.end is 0", "use a list"]),
    "record in a list": (["metrics.sinks=[{a:1}]"], ["metrics.sinks holds {'a': 1}", "plain values"]),
    "option": (["training=pp"], ["group training", "'pp'", "config/training/*.yaml", "ppo"]),
    "key of another option": (
        ["simulation/fill=touch", "simulation.fill.params.impact=0"],
        ["simulation/fill has no key", "another option of simulation/fill"],
    ),
    "inner option": (["simulation/fees=x"], ["group simulation/fees", "simulation/fees=ibkr_fixed"]),
    "range": (["env.invalid_action=x"], ["env.invalid_action", "mask, penalise or terminate"]),
    "across": (["training.batch_size=100000"], ["training.batch_size", "exceeds"]),
    "mode": (["mode=tain"], ["'tain'", "train"]),
    "word": (["training.lanes"], ["neither an option nor a key=value", "training.lanes=VALUE"]),
    "grammar": (["training.lanes=[1"], ["training.lanes=[1"]),
    "component": (["reward.components.log_equity.wait=1"], ["reward.components.log_equity.weight"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_key_the_place_and_the_nearest(case: str) -> None:
    overrides, parts = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        load_config("qick" if case == "qick" else "quick", overrides)
    for part in parts:
        assert part in caught.value.text()


def test_a_missing_value_is_refused_by_its_key() -> None:
    with pytest.raises(ConfigError, match=r"backtest\.date") as caught:
        load_config("backtest_date", [])
    assert "backtest.date=VALUE" in caught.value.fix


def test_an_unknown_key_in_a_file_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    shutil.copytree(FOLDER, tmp_path / "config")
    monkeypatch.setattr("config.search.FOLDER", tmp_path / "config")
    file = tmp_path / "config" / "training" / "ppo.yaml"
    file.write_text(file.read_text() + "batchsize: 3\n")
    with pytest.raises(ConfigError) as caught:
        load_config("quick", [])
    assert "'training.batchsize'" in caught.value.what
    assert caught.value.where.endswith("config/training/ppo.yaml")
    file.write_text("lanes: [3\n")
    with pytest.raises(ConfigError, match=r"ppo\.yaml"):
        load_config("quick", [])


def test_what_a_configuration_says_is_never_carried_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that came with a run that somebody sent: refused, nothing is made, no key of the environment is told."""
    sound, path = config_yaml(load_config("quick", [])), tmp_path / "config.yaml"
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    path.write_text(sound)
    assert saved_config(path).name == "quick"
    for what, text in HOSTILE.items():
        path.write_text(re.sub("^name: quick$", f"name: {text}", sound, flags=re.MULTILINE))
        assert path.read_text() != sound
        with pytest.raises(ConfigError) as why:
            saved_config(path)
        assert KEY not in why.value.text()
        assert list(tmp_path.iterdir()) == [path], what


def test_no_configuration_reads_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says is kept with every run: a key would be, too."""
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    asks = HOSTILE["the environment"]
    plain = plain_config(load_config("quick", []))
    ways = (
        lambda: load_config("quick", [f"name='{asks}'"]),
        lambda: taken_up(load_config("quick", []), {**plain, "name": asks}, ["name"]),
    )
    for way in ways:
        with pytest.raises(ConfigError) as why:
            way()
        assert KEY not in why.value.text()


def test_a_saved_configuration_is_taken_up_but_for_what_the_words_say() -> None:
    saved = plain_config(load_config("demo", ["simulation/latency=fixed", "env.max_loss=0.3", "model.d_model=16"]))
    saved["simulation"]["fill"]["params"]["impact"] = 3.0
    saved["env"]["forgotten"] = 1  # of another version
    del saved["env"]["invalid_limit"]
    words = ["simulation.fill.params.participation=0.2", "env.max_loss=0.4"]
    config = load_config("backtest", words)
    taken = taken_up(config, saved, ["simulation", "env"], words)
    assert (taken.simulation.latency.model, taken.simulation.latency.params) == ("fixed", {"ms": 120})
    assert (taken.simulation.fill.params["impact"], taken.simulation.fill.params["participation"]) == (3.0, 0.2)
    assert (taken.env.max_loss, taken.env.invalid_limit) == (0.4, config.env.invalid_limit)
    assert taken.model == config.model
    assert taken_up(config, saved, ["model"]).model.d_model == 16
    saved["env"]["decision_interval_s"] = "often"
    with pytest.raises(ConfigError, match="decision_interval_s"):
        taken_up(config, saved, ["env"])
