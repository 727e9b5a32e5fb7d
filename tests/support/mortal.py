"""A plugin: processes of a search are killed at random moments, and yet as often on a fast machine as on a slow one.

The first rollout of every process comes with a death, as long as there are some left. It strikes a random while later,
whatever the process is about by then; one that is done with its work waits for it.
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
"""Environment variable: a folder with a file for every death that is left; its text says who dies."""
BOTH = "with its parent"
WITHIN_S = 0.4
_doomed: list[threading.Thread] = []


@collector("mortal")
def mortal(rollout: Rollout) -> dict[str, float]:
    """Draw a death, once a process."""
    if DEATHS in os.environ and not _doomed and (death := _drawn(Path(os.environ[DEATHS]))) is not None:
        _doomed.append(threading.Thread(target=_strike, args=(death,)))  # not a daemon: the interpreter waits for it
        _doomed[0].start()
    return {}


def _drawn(folder: Path) -> Path | None:
    """One that no other process has."""
    for death in sorted(folder.glob("*.left")):
        try:
            return death.rename(death.with_suffix(".drawn"))
        except FileNotFoundError:
            continue
    return None


def _strike(death: Path) -> None:
    time.sleep(random.Random(death.stem).uniform(0.0, WITHIN_S))
    both = death.read_text() == BOTH
    death.rename(death.with_suffix(".done"))
    if both:
        os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
