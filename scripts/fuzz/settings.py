"""Configurations: values for real keys, and study files. Nothing in them may be carried out, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from config.compose import Composed, config_yaml, saved_config
from config.studies import load_study, study_path
from scripts.fuzz.mutations import mutated
from scripts.fuzz.target import Draw, SilentError, Target

BASE = "quick"
OWN_CODE = "plugins"
"""The one key that names code: what stands there is imported, which is what it is for."""
CANARY = "fx-fuzz-was-here"
"""A file that nothing may make."""
HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**63, 2**200, -(2**63), 0.0, -0.5, 1e308, -1e308, float("nan"), float("inf"),
    "", " ", "x", "0", "nan", "é", "\x00", "a" * 10_000, "../../etc/passwd", "/", "~", "CON", "[", "{", "${", "${}",
    "${oc.env:PATH}", "${seed}", "${nothing}", "${training}", "${oc.env:NO_SUCH_VARIABLE}", "???", "!!python/none",
    f"__import__('pathlib').Path('{CANARY}').touch()", f"$(touch {CANARY})", f"`touch {CANARY}`", f"; touch {CANARY}",
    f"!!python/object/apply:os.system ['touch {CANARY}']",
    [], [None], [1, "a"], [[1]], {}, {"a": 1}, {"_target_": "os.system", "command": f"touch {CANARY}"},
)  # fmt: skip
YAML_TAGS = f"name: !!python/object/apply:os.system ['touch {CANARY}']\nspace: {{}}\n"


@cache
def _base() -> Composed:
    return Composed(BASE, [])


@cache
def _keys() -> list[str]:
    """Every key with its full name, groups and the items of lists too."""
    found: list[str] = []

    def walk(node: Any, key: str) -> None:
        if key:
            found.append(key)
        if isinstance(node, dict):
            for name, value in node.items():
                walk(value, f"{key}.{name}" if key else str(name))

    walk(OmegaConf.to_container(OmegaConf.structured(_base().config())), "")
    return [key for key in found if key.partition(".")[0] != OWN_CODE]


def _no_seeds(_: Path) -> list[bytes]:
    return [b""]


def _draw_values(_: Sequence[bytes], draw: Draw) -> bytes:
    keys = _keys()
    values: dict[str, Any] = {}
    for _number in range(int(draw.integers(1, 4))):
        key = keys[int(draw.integers(len(keys)))]
        if draw.random() < 0.1:
            key += draw.choice(["x", ".x", "[0]", "[*]", ".", "[", "é"])
        values[key] = HOSTILE[int(draw.integers(len(HOSTILE)))]
    return json.dumps(values).encode()


def _read_values(data: bytes, folder: Path) -> str:
    """As the trials of a study set them; what is accepted must come back from the file of a run as it was."""
    config = _base().config(json.loads(data))
    path = folder / "config.yaml"
    path.write_text(config_yaml(config))
    again = saved_config(path)
    _untouched(folder)
    if repr(again) != repr(config):
        raise SilentError("a configuration that was saved is read as another one")
    return "read"


def _untouched(folder: Path) -> None:
    for place in (Path.cwd(), folder):
        if (place / CANARY).exists():
            (place / CANARY).unlink()
            raise SilentError("what stood in a configuration was carried out")


def _study_seeds(_: Path) -> list[bytes]:
    names = ("phase1_foundation", "phase3_finetune", "comprehensive_search", "quick_search")
    return [*(study_path(name).read_bytes() for name in names), YAML_TAGS.encode()]


def _draw_study(seeds: Sequence[bytes], draw: Draw) -> bytes:
    return mutated(seeds[int(draw.integers(len(seeds)))], draw, seeds)


def _read_study(data: bytes, folder: Path) -> str:
    path = folder / "study.yaml"
    path.write_bytes(data)
    load_study(str(path))
    _untouched(folder)
    return "read"


VALUES = Target(
    "config",
    "hostile values for the keys of a configuration, and back from its file",
    0.001,
    _no_seeds,
    _draw_values,
    _read_values,
)
STUDIES = Target("study", "study files (YAML)", 0.002, _study_seeds, _draw_study, _read_study)
