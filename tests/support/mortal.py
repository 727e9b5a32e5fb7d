"""Processes that are killed at random moments, and yet as often on a fast machine as on a slow one.

Deaths are files of a folder. A process draws one once it is at work, and dies a random while later, whatever it is
about by then; one that is done with its work waits for it. As a plugin, it does so in the first rollout of a training.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

from metrics.collecting import collector
from metrics.rollout import Rollout

DEATHS = "FX_TEST_DEATHS"
"""Environment variable: the folder."""
WITHIN_S = 0.4
_LEFT, _DONE, _BOTH = "left", "done", "with its parent"
_doomed: list[threading.Thread] = []


def prepare(folder: Path, deaths: int, *, both: int = -1) -> Path:
    """The folder of so many deaths; number `both` strikes the parent of the process, too."""
    folder.mkdir()
    for number in range(deaths):
        (folder / f"{number}.{_LEFT}").write_text(_BOTH if number == both else "")
    return folder


def died(folder: Path) -> int:
    """How many have."""
    return len(list(folder.glob(f"*.{_DONE}")))


def draw(folder: Path, within_s: float = WITHIN_S) -> None:
    """Draw a death as long as there are some left, once a process; it comes within so many seconds."""
    if not _doomed and (death := _drawn(folder)) is not None:
        _doomed.append(threading.Thread(target=_strike, args=(death, within_s)))  # no daemon: it is waited for
        _doomed[0].start()


@collector("mortal")
def mortal(rollout: Rollout) -> dict[str, float]:
    """A training is at work from its first rollout on."""
    if DEATHS in os.environ:
        draw(Path(os.environ[DEATHS]))
    return {}


def _drawn(folder: Path) -> Path | None:
    """One that no other process has."""
    for death in sorted(folder.glob(f"*.{_LEFT}")):
        try:
            return death.rename(death.with_suffix(".drawn"))
        except FileNotFoundError:
            continue
    return None


def _strike(death: Path, within_s: float) -> None:
    time.sleep(random.Random(death.stem).uniform(0.0, within_s))
    both = death.read_text() == _BOTH
    death.rename(death.with_suffix(f".{_DONE}"))
    if both:
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
