"""Workers of a pool that are killed, and the one that they work for."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from tests.faults.process import Running
from tests.faults.registry import IN_FLIGHT, Outcome, Setting, fault, promise
from utils.cluster.local import Local

GROUP = "Workers"
TASKS, TASK_S = 12, 0.2
RETRIES = 3


class Task(NamedTuple):
    """Something that takes its time and leaves a file."""

    folder: Path
    number: int


def work(task: Task) -> int:
    """Note who does it, do it."""
    (task.folder / f"{os.getpid()}.worker").touch()
    time.sleep(TASK_S)
    (task.folder / f"{task.number}.done").touch()
    return task.number


def main(words: list[str]) -> int:
    """All tasks by a pool of two; a program of its own, to be killed."""
    folder = Path(words[0])
    tasks = [Task(folder, number) for number in range(TASKS)]
    done = [result for _, result in Local(2, RETRIES).run(work, tasks, doing="sleeping", pool_from=2)]
    return int(sorted(done) != list(range(TASKS)))


def workers(folder: Path) -> list[int]:
    """Process ids of those that are alive."""
    found = [int(path.stem) for path in folder.glob("*.worker")]
    return [pid for pid in found if _lives(pid)]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def struck(folder: Path, setting: Setting, *, parent: bool) -> Running:
    """A pool at work, of which one process has just been killed at a random moment."""
    process = Running(__name__, [str(folder)])
    while process.alive and not workers(folder):
        process.pause()
    process.pause(float(setting.chance.uniform(0.0, TASKS * TASK_S / 3)))
    for pid in [process.pid] if parent else workers(folder)[:1]:
        os.kill(pid, signal.SIGKILL)
    return process


@fault(GROUP, "a worker of a pool", "kill -9 at a random moment")
def worker_dies(setting: Setting) -> Outcome:
    for number in range(setting.tries):
        folder = setting.folder / str(number)
        folder.mkdir()
        with struck(folder, setting, parent=False) as process:
            done = process.end()
        promise(done.code == 0, f"exit code {done.code}", done.said)
        promise("Traceback" not in done.said, "a traceback", done.said)
        promise("a worker died" in done.said, "nobody said so", done.said)
        promise(len(list(folder.glob("*.done"))) == TASKS, "tasks are missing")
    return Outcome("said; its task is done again by another worker, every result is there once", tries=setting.tries)


@fault(GROUP, "the process that a pool works for", "kill -9 at a random moment")
def parent_dies(setting: Setting) -> Outcome:
    slowest = 0.0
    for number in range(setting.tries):
        folder = setting.folder / str(number)
        folder.mkdir()
        with struck(folder, setting, parent=True) as process:
            process.end()
        began = time.monotonic()
        while workers(folder) and time.monotonic() - began < setting.limit_s:
            time.sleep(0.02)
        slowest = max(slowest, time.monotonic() - began)
        promise(not workers(folder), f"workers still run after {slowest:.1f} s")
    return Outcome("its workers end too: nobody waits for tasks for ever", IN_FLIGHT, setting.tries, slowest)
