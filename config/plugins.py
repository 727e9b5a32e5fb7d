"""Modules of the user's own that a configuration names: they are found, told from the project's, and imported."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path

from config.search import own_folder
from utils.errors import ConfigError, nearest
from utils.paths import shown


def import_plugins(modules: Sequence[str]) -> None:
    """Import the modules that the user names: what they declare registers itself. Raises ConfigError for a missing one.

    They are looked for in the environment and in the user's own folder. A configuration that comes with a saved model
    is never composed, so nobody else's modules are imported.
    """
    require_modules(modules, "plugins")
    for module in modules:
        importlib.import_module(module)


def require_modules(modules: Sequence[str], key: str) -> None:
    """Raise ConfigError unless all of them can be found; nothing is imported but the packages that hold them."""
    own = own_folder() if modules else None
    if own is not None and str(own) not in sys.path:
        sys.path.append(str(own))  # at the end: a name of the project or of a library is refused below, not replaced
        importlib.invalidate_caches()
    for module in modules:
        try:
            found = importlib.util.find_spec(module)
        except (ModuleNotFoundError, ValueError):  # of its package; of a module that was made up
            found = None
        if found is None and module not in sys.modules:
            raise _no_module(module, key, own)
        if found is not None:
            _refuse_other(module, found, own)


def _no_module(module: str, key: str, own: Path | None) -> ConfigError:
    near = nearest(module, [path.stem for path in own.glob("*.py")] if own else [])
    where = f"{key}: {module}, looked for in the environment" + (f" and in {shown(own)}" if own else "")
    fix = f"use {near[0]}" if near else "--config-dir FOLDER, the one that holds it"
    return ConfigError(f"there is no module {module!r}", where=where, near=near, fix=fix)


def _refuse_other(module: str, found: ModuleSpec, own: Path | None) -> None:
    """Raise ConfigError if the user's own folder has a module of that name, and another one was found."""
    first = module.partition(".")[0]
    mine = next((path for path in (own / f"{first}.py", own / first) if path.exists()), None) if own else None
    places = [found.origin or "", *(found.submodule_search_locations or [])]
    if mine is not None and not any(Path(place).is_relative_to(mine.parent) for place in places if place):
        raise ConfigError(
            f"{module!r} is the name of another module", where=found.origin or module, fix=f"rename {shown(mine)}"
        )


def refuse_brought(modules: Sequence[str], path: Path) -> None:
    """Raise ConfigError for a module that lies among the runs: it may have come with a run that somebody sent."""
    runs = path.resolve().parent.parent
    for module in modules:
        if any((Path(folder or ".").resolve() / Path(*module.split("."))).is_relative_to(runs) for folder in sys.path):
            fix = "move it to a folder of your own: --config-dir FOLDER"
            raise ConfigError(f"{module} lies among the runs and is not imported", where=shown(path), fix=fix)
