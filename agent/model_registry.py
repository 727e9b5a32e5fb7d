"""Versions of trained models in one folder: v1, v2, …; the best few by score are kept.

A score is dollars per validation day, so those of real days and those of synthetic ones do not compare: each kind has
its own best, and its own best few.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.atomic import sync_tree
from utils.errors import ModelError, nearest
from utils.logger import get_logger
from utils.paths import ROOT, anchored, shown

log = get_logger(__name__)

METADATA = "metadata.json"
_NAME = re.compile(r"v([1-9]\d*)")


@dataclass(frozen=True)
class ModelEntry:
    """A registered model."""

    name: str
    """E.g. "v3"."""
    path: Path
    score: float
    """Higher is better; minus infinity if it is not known."""
    metadata: dict[str, Any]

    @property
    def number(self) -> int:
        """3 of "v3"."""
        return int(self.name[1:])

    @property
    def synthetic(self) -> bool:
        """Whether it was trained on generated days."""
        return bool(self.metadata.get("synthetic", False))

    @property
    def rank(self) -> tuple[float, int]:
        """Among models of the same kind of days: by score, the newer of equals first."""
        return self.score, self.number


class ModelRegistry:
    """Folder of models. Safe with several writers: a version appears by one rename, which only one of them wins.

    The models that this process registered are in use by it until it ends: nobody's clean-up removes them.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        """keep: models of each kind that survive a registration, by score."""
        self.folder = folder
        self._keep = keep
        self._in_use: list[int] = []

    def register(self, save: Callable[[Path], None], score: float, metadata: Mapping[str, Any]) -> str:
        """Have `save` write a model folder, add `metadata.json`, name it by the next version; then clean up.

        A score that is not a number ranks last. If `save` raises, nothing is registered.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new."))
        try:
            made = work / "model"
            save(made)
            content = {
                **metadata,
                "score": score if math.isfinite(score) else None,
                "registered": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            }
            (made / METADATA).write_text(json.dumps(content, indent=1, default=str))
            sync_tree(made)
            self._in_use.append(_lock(made, fcntl.LOCK_SH))
            name = self._publish(made)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        self._clean_up()
        return name

    def list(self) -> list[ModelEntry]:
        """All versions, oldest first."""
        if not self.folder.is_dir():
            return []
        paths = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        entries = [entry for path in paths if (entry := _read(path)) is not None]
        return sorted(entries, key=lambda entry: entry.number)

    def best(self, synthetic: bool | None = None) -> ModelEntry | None:
        """The version with the highest score, the newest of equals; None if there is none.

        synthetic: of models trained on generated days (True) or on real ones (False); None: on real ones if there are
        any.
        """
        entries = self.list()
        kinds = (False, True) if synthetic is None else (synthetic,)
        for kind in kinds:
            alike = [entry for entry in entries if entry.synthetic == kind]
            if alike:
                return max(alike, key=lambda entry: entry.rank)
        return None

    def resolve(self, model: str, synthetic: bool | None = None) -> Path:
        """Folder of "best" (see `best`), of a version ("v3") or of a path. Raises ModelError with what there is."""
        if model == "best":
            best = self.best(synthetic)
            if best is None:
                raise self._no_best(synthetic)
            return best.path
        names = [entry.name for entry in self.list()]
        if model in names:
            return self.folder / model
        path = anchored(model)
        if path.is_dir():
            return path
        raise ModelError(
            f"there is no model {model!r}",
            where=shown(self.folder),
            near=nearest(model, names) or names[-3:],
            fix="use best, one of the versions, or the folder of a saved model",
        )

    def _no_best(self, synthetic: bool | None) -> ModelError:
        other = None if synthetic is None else self.best(not synthetic)
        if other is None:
            return ModelError("no model has been trained yet", where=shown(self.folder), fix="./fx momentum")
        kinds = {True: "synthetic days", False: "real days"}
        return ModelError(
            f"no model has been trained on {kinds[not other.synthetic]} yet",
            where=shown(self.folder),
            near=[f"{other.name}, the best on {kinds[other.synthetic]}: its score does not compare"],
            fix=f"./fx momentum trains one; to take that one all the same, name it: {other.name}",
        )

    def _publish(self, made: Path) -> str:
        while True:
            taken = [int(m[1]) for path in self.folder.iterdir() if (m := _NAME.fullmatch(path.name))]
            name = f"v{max(taken, default=0) + 1}"
            try:
                made.rename(self.folder / name)
            except OSError:
                # another writer took the number between the look and the rename; anything else is an error
                if not (self.folder / name).is_dir():
                    raise
            else:
                return name

    def _clean_up(self) -> None:
        """Remove what is neither among the best of its kind nor in use (locked by whoever registered it)."""
        ranked = sorted(self.list(), key=lambda entry: entry.rank, reverse=True)
        kinds = ([entry for entry in ranked if entry.synthetic == kind] for kind in (False, True))
        for entry in (entry for alike in kinds for entry in alike[self._keep :]):
            try:
                handle = _lock(entry.path, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:  # in use, or already removed by another writer
                continue
            try:
                gone = self.folder / f".old.{entry.name}.{os.getpid()}"
                entry.path.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)
                log.info("model %s removed: %d better ones are kept", entry.name, self._keep)
            except FileNotFoundError:  # another writer was faster
                continue
            finally:
                os.close(handle)


def git_state(folder: Path = ROOT) -> dict[str, Any]:
    """Commit and whether the tree has changes: {"commit": str | None, "dirty": bool | None}."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):  # no git here, or no repository
            return None
        return done.stdout.strip()

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if status is None else bool(status)}


def _read(path: Path) -> ModelEntry | None:
    try:
        metadata = json.loads((path / METADATA).read_text())
    except (FileNotFoundError, ValueError):  # being removed by another writer, or damaged: not a model to offer
        return None
    score = metadata.get("score")
    return ModelEntry(path.name, path, -math.inf if score is None else float(score), metadata)


def _lock(folder: Path, kind: int) -> int:
    """An open handle that holds the lock until it is closed or the process ends. OSError if it is taken."""
    handle = os.open(folder / METADATA, os.O_RDONLY)
    try:
        fcntl.flock(handle, kind)
    except OSError:
        os.close(handle)
        raise
    return handle
