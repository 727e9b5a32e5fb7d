"""The checkpoints of a run: the newest few, each whole or not there at all, whenever the process dies."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from agent.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from utils.atomic import new_folder, remove_folder
from utils.errors import ModelError
from utils.logger import get_logger
from utils.paths import shown

log = get_logger(__name__)
_NAME = re.compile(r"r(\d{6,})")


class CheckpointStore:
    """Folders r000001, r000002, … by the number of rollouts; one process writes them.

    A save that fails leaves what was there before. A damaged checkpoint is passed over, and said to be.
    """

    def __init__(self, folder: Path, keep: int, copies: Path | None = None) -> None:
        """keep: newest ones that stay; copies: a second folder that gets each of them too, e.g. on another disk."""
        self.folder, self._keep, self._copies = folder, keep, copies

    def path(self, number: int) -> Path:
        """Folder of the checkpoint after `number` rollouts."""
        return self.folder / f"r{number:06d}"

    def save(self, number: int, checkpoint: Checkpoint, held: Collection[int] = ()) -> Path:
        """Write one and remove what is older than the newest few, but for those `held`. OSError if the disk refuses.

        What is there under that number (a damaged one, or none that counts since the run went on from before it) is
        replaced.
        """
        target = self.path(number)
        remove_folder(target)
        save_checkpoint(target, checkpoint)
        self._clean_up(self.folder, {number, *held})
        if self._copies is not None:
            self._copy(target, self._copies)
            self._clean_up(self._copies, {number, *held})
        return target

    def latest(self, wanted: Callable[[Checkpoint], bool] = lambda _: True) -> tuple[int, Checkpoint] | None:
        """The newest one that is whole, and `wanted`, with its number; None if there is none."""
        for number in sorted(self.numbers(), reverse=True):
            try:
                found = load_checkpoint(self.path(number), training=True)
            except ModelError as why:
                log.warning("%s; the checkpoint before it is used", why.text().replace("\n ", ";"))
                continue
            if wanted(found):
                return number, found
        return None

    def numbers(self) -> list[int]:
        """Of the checkpoints that are there, damaged or not."""
        return _numbers(self.folder)

    def _clean_up(self, folder: Path, wanted: Iterable[int]) -> None:
        keep = {*sorted(_numbers(folder))[-self._keep :], *wanted}
        for number in _numbers(folder):
            if number not in keep:
                remove_folder(folder / self.path(number).name)
        for path in folder.glob(".r*"):  # begun by a process that was killed; nobody else writes here
            shutil.rmtree(path, ignore_errors=True)

    def _copy(self, source: Path, folder: Path) -> None:
        """A second copy is a convenience: where it fails, training goes on."""
        target = folder / source.name
        try:
            remove_folder(target)
            with new_folder(target, durable=True) as made:
                shutil.copytree(source, made, dirs_exist_ok=True)
        except OSError as why:
            log.warning("%s could not be copied to %s: %s", source.name, shown(folder), why)


def _numbers(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    return [int(match[1]) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
