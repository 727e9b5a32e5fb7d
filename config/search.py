"""Where YAML files are looked for: config/, a folder of the user's own that mirrors it, and what programs wrote.

    my_fx/momentum.yaml            a configuration: --config momentum
    my_fx/curriculum/patient.yaml  an option of a group: curriculum=patient
    my_fx/optuna/narrow.yaml       a study: ./fx optuna narrow
    my_fx/rhythm.py                a module: plugins=[rhythm]

`--config-dir my_fx` names that folder to any command, FX_CONFIG_DIR to all of them. Nothing of config/ is replaced by
it: a file of the same name is refused.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

from utils.errors import ConfigError, nearest
from utils.paths import CACHE, anchored, shown

FOLDER = Path(__file__).resolve().parent
GENERATED = Path(os.environ.get("FX_CONFIGS", CACHE / "configs"))
"""Configurations that a program wrote, for `--config` like those in config/; not part of the repository."""
STUDIES = "optuna"
"""The folder of studies: what they vary is a configuration, they are no group of one."""
OWN = "FX_CONFIG_DIR"
"""Environment variable with the user's own folder, so that every process that a command starts knows it too."""


def use_folder(folder: str) -> None:
    """Look into `folder` too, here and in whatever this process starts. Raises ConfigError if that cannot be."""
    os.environ[OWN] = str(anchored(folder).resolve())
    folders()


def own_folder() -> Path | None:
    """The user's own folder, if one is named."""
    named = os.environ.get(OWN)
    return anchored(named) if named else None


def folders() -> list[Path]:
    """Folders of hand-written YAML. Raises ConfigError if the user's is not there or has a name of config/."""
    own = own_folder()
    if own is None:
        return [FOLDER]
    if not own.is_dir():
        near = nearest(own.name, [path.name for path in own.parent.glob("*/")])
        fix = f"--config-dir {shown(own.parent / near[0])}" if near else "--config-dir FOLDER, one that is there"
        raise ConfigError("there is no such folder of configurations", where=shown(own), near=near, fix=fix)
    _refuse_taken(own, FOLDER)
    return [FOLDER, own]


@functools.cache
def _refuse_taken(own: Path, folder: Path) -> None:
    """A file that stands for another one would be noticed by nobody."""
    for path in sorted(folder.rglob("*.yaml")):
        name = path.relative_to(folder)
        if (own / name).exists() and not own.samefile(folder):
            fix = "rename it, and name it where it is to be used"
            raise ConfigError(f"{name.as_posix()} is a file of config/ already", where=shown(own / name), fix=fix)


def config_names() -> list[str]:
    """Every configuration that `--config` takes: the YAML files right in `folders`, but for those that start with _."""
    return sorted(p.stem for folder in folders() for p in folder.glob("*.yaml") if not p.stem.startswith("_"))


def generated_names() -> list[str]:
    """Every configuration of GENERATED; a hand-written one of the same name goes before it."""
    return sorted({path.stem for path in GENERATED.glob("*.yaml")} - set(config_names()))


def config_summary(name: str) -> str:
    """What a configuration is for."""
    return summary_of(config_file(name))


def summary_of(path: Path) -> str:
    """The comment in the first line of a file: what it is for. Empty if there is none."""
    first = path.read_text().partition("\n")[0]
    return first.removeprefix("#").strip() if first.startswith("#") else ""


def group_options() -> dict[str, list[str]]:
    """Options by group, e.g. {"simulation/fees": ["ibkr_fixed"]}; names that start with _ are parts of others."""
    found: dict[str, list[str]] = {}
    for path in sorted(FOLDER.glob("*/**/*.yaml")):
        if not path.stem.startswith("_") and path.parent.name != STUDIES:
            found.setdefault(path.parent.relative_to(FOLDER).as_posix(), []).append(path.stem)
    for own in folders()[1:]:
        for group, options in found.items():
            options.extend(sorted(p.stem for p in (own / group).glob("*.yaml") if not p.stem.startswith("_")))
    return found


def config_file(name: str) -> Path:
    """Of a configuration, hand-written or generated; one of config/ if there is none of that name."""
    for folder in (*folders(), GENERATED):
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    return FOLDER / f"{name}.yaml"


def option_file(group: str, option: str) -> Path:
    """Of an option, e.g. of "simulation/fees"; one of config/ if there is none of that name."""
    found = [folder / group / f"{option}.yaml" for folder in folders()]
    return next((path for path in found if path.is_file()), found[0])


Stamps = tuple[tuple[str, int, int], ...]
"""Path, time of the last change in nanoseconds and bytes of each file."""


def yaml_files(name: str) -> Stamps:
    """Every file that the configuration `name` may be made of, as it is now."""
    searched = {*folders(), config_file(name).parent}
    found = (path for folder in searched for path in folder.rglob("*.yaml"))
    known = ((str(path), path.stat()) for path in sorted(found))
    return tuple((path, told.st_mtime_ns, told.st_size) for path, told in known)


def searchpath(name: str) -> list[str]:
    """The word that tells Hydra where else to look for what the configuration is made of."""
    others = [folder for folder in folders() if folder != config_file(name).parent]
    return [f"hydra.searchpath=[{','.join(_quoted(f'file://{folder}') for folder in others)}]"] if others else []


def _quoted(text: str) -> str:
    """As Hydra's words have it: spaces and commas in a folder's name do no harm."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
