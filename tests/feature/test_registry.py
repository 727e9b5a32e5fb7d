from __future__ import annotations

import dataclasses
import json

import pytest

from config.schema import FeatureConfig
from data.layout import DAILY_ROWS
from feature.docs import feature_table
from feature.feature_day import BRANCHES
from feature.inputs import parse
from feature.registry import (
    LIMIT,
    WHOLE_DAY,
    Feature,
    FeatureSchema,
    feature,
    identity,
    log,
    registered,
    select,
    soft,
    temporary_features,
)
from utils.errors import ConfigError, ModelError


def declared(**changes: object) -> Feature:
    values: dict[str, object] = {
        "name": "made_up",
        "branch": "hf",
        "family": "outside",
        "formula": "0",
        "inputs": ("bar.volume",),
        "units": "1",
        "normalise": identity(),
    }
    return Feature(**{**values, **changes})  # pyright: ignore[reportArgumentType]


def nothing(volume: object, first: int, stop: int, out: object) -> None: ...


def config(*families: str, exclude: tuple[str, ...] = (), windows: dict[str, list[int]] | None = None) -> FeatureConfig:
    return FeatureConfig(families=list(families), exclude=list(exclude), windows=windows or {})


def test_there_are_features_in_every_branch() -> None:
    sizes = FeatureSchema.of(select(config())).sizes
    assert sum(sizes.values()) >= 70
    assert all(sizes[branch] >= 5 for branch in BRANCHES)


def test_every_declaration_is_complete() -> None:
    for entry in registered():
        f = entry.feature
        assert f.formula and f.units, f.name
        for text in f.inputs:
            parse(text)
        assert 0 <= f.warm_up_s <= WHOLE_DAY and 0 <= f.sessions <= DAILY_ROWS, f.name
        assert entry.kernel.__doc__, f.name


def test_order_and_hash_are_stable() -> None:
    first, second = (FeatureSchema.of(select(config())) for _ in range(2))
    assert first.hash == second.hash
    assert FeatureSchema.from_dict(json.loads(json.dumps(first.as_dict()))).hash == first.hash
    families = [e.feature.family for e in select(config()) if e.feature.branch == "hf"]
    assert families == sorted(families)


def test_a_family_from_outside_is_one_decorator() -> None:
    before = FeatureSchema.of(select(config()))
    with temporary_features():
        feature(declared())(nothing)
        after = FeatureSchema.of(select(config()))
        assert "made_up" in after.names["hf"]
        assert after.hash != before.hash
    assert FeatureSchema.of(select(config())).hash == before.hash


def test_every_part_of_a_declaration_counts_in_the_hash() -> None:
    changes: list[dict[str, object]] = [
        {"formula": "1"},
        {"inputs": ("bar.trades",)},
        {"normalise": soft()},
        {"normalise": identity(2.0)},
        {"params": (3,)},
        {"version": 2},
    ]
    hashes: set[str] = set()
    for change in [{}, *changes]:
        with temporary_features():
            feature(declared(**change))(nothing)
            hashes.add(FeatureSchema.of(select(config())).hash)
    assert len(hashes) == 1 + len(changes)


@pytest.mark.parametrize(
    "change",
    [
        {"branch": "xf"},
        {"name": "not a name"},
        {"normalise": soft(0.0)},
        {"low": 1.0, "high": 0.0},
        {"high": LIMIT + 1},
        {"low": 0.5, "high": 1.0},
        {"warm_up": lambda window: window},  # pyright: ignore[reportUnknownLambdaType]
        {"windows": (5,)},
        {"name": "made_up_Ns"},
        {"normalise": soft},
    ],
)
def test_bad_declarations_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="can't be declared"):
        declared(**change)


def test_a_name_is_taken_once() -> None:
    for change in ({"name": "return_1s"}, {"name": "return_Ns", "windows": (7,)}, {"name": "r_Ns", "windows": (1,)}):
        with temporary_features():
            feature(declared(name="r_1s"))(nothing)
            with pytest.raises(ConfigError, match="has a feature of that name"):
                feature(declared(**change))(nothing)


def test_windows_of_the_configuration() -> None:
    chosen = [
        e.feature
        for e in select(config("returns", "minute", "daily", "flow", windows={"return_Ns": [2, 45], "bar_emaN": [50]}))
    ]
    returns = {f.name: f for f in chosen if f.name.startswith("return_")}
    assert list(returns) == ["return_2s", "return_45s"]
    assert returns["return_45s"].params == (45,)
    assert "mid[t-45]" in returns["return_45s"].formula
    assert (returns["return_45s"].window, returns["return_45s"].warm_up) == (45, 7_200)  # 24 half-lives of sigma
    average = next(f for f in chosen if f.name == "bar_ema50")
    assert average.inputs == ("minute.close", "ema_span(minute.close, 50)")
    assert average.window == 3_000
    assert (1 - 2 / 51) ** (average.warm_up_s / 60) == pytest.approx(2**-24, rel=0.05)
    ofi = next(f for f in chosen if f.name == "ofi_15s")
    assert ofi.scaling == soft(2.0 * 15**0.5)


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ({"return_ns": [1]}, "nearest: +return_Ns"),
        ({"gain": [1]}, "no feature with windows 'gain'"),
        ({"return_Ns": [0]}, "windows of one row or more"),
        ({"return_Ns": [5, 5]}, "each once"),
    ],
)
def test_windows_that_cannot_be_are_refused(windows: dict[str, list[int]], told: str) -> None:
    with pytest.raises(ConfigError, match=rf"(?s){told}"):
        select(config(windows=windows))


def test_two_features_of_one_name_are_refused() -> None:
    with temporary_features():
        feature(declared(name="return_7s"))(nothing)
        with pytest.raises(ConfigError, match="both have a feature 'return_7s'"):
            select(config(windows={"return_Ns": [7]}))


def test_selection_by_family_and_exclusion() -> None:
    chosen = select(config("flow", "minute", "daily", exclude=("ofi_5s",)))
    names = {e.feature.name for e in chosen}
    assert {e.feature.family for e in chosen} == {"flow", "minute", "daily"}
    assert "ofi_15s" in names and "ofi_5s" not in names


def test_unknown_names_are_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"no family 'flows'[\s\S]*nearest: +flow"):
        select(config("flows"))
    with pytest.raises(ConfigError, match=r"no feature 'ofi_6s'[\s\S]*ofi_5s"):
        select(config(exclude=("ofi_6s",)))


def test_an_empty_branch_is_refused_with_the_fix() -> None:
    with pytest.raises(ConfigError, match=r"branch 'mf'[\s\S]*minute"):
        select(config("flow", "daily"))


def test_a_model_of_other_features_is_refused_by_name() -> None:
    full = FeatureSchema.of(select(config()))
    fewer = FeatureSchema.of(select(config(exclude=("ofi_5s", "gain"))))
    full.require(full)
    with pytest.raises(ModelError, match=r"hf: not in the model ofi_5s; static: not in the model gain") as error:
        full.require(fewer, where="v3")
    assert "v3" in error.value.text()
    with pytest.raises(ModelError, match="only in the model gain"):
        fewer.require(full)


def test_changed_and_reordered_features_are_named() -> None:
    full = FeatureSchema.of(select(config()))
    changed = dataclasses.replace(full, definitions={**full.definitions, "gain": "other"})
    with pytest.raises(ModelError, match="static: defined differently gain"):
        full.require(changed)
    first, second, *rest = full.names["lf"]
    swapped = dataclasses.replace(full, names={**full.names, "lf": (second, first, *rest)})
    with pytest.raises(ModelError, match=f"lf: in another order {first}, {second}"):
        full.require(swapped)


def test_normalisation_reads_as_it_is_computed() -> None:
    assert soft().text == "soft(x)"
    assert soft(0.01).text == "soft(x / 0.01)"
    assert log(10.0).text == "sign(x) ln(1 + |x / 10|)"
    assert identity().text == "x"


def test_the_table_names_every_feature() -> None:
    table = feature_table()
    for entry in registered():
        assert f"| `{entry.feature.name}` |" in table
    assert max(line.count(" | ") for line in table.splitlines()) == min(
        line.count(" | ") for line in table.splitlines() if line.startswith("| `")
    )
