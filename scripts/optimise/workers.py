"""Workers of a study: one in this process, several processes that are looked after, or those of a cluster.

`python -m scripts.optimise.workers JOB NUMBER` is one of several. A worker that dies is started again; its trial is
taken up where its newest checkpoint is. Ctrl-C ends all of them after their rollout; the same command goes on.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from omegaconf import OmegaConf
from optuna.study import Study

from agent.threads import usable_cores
from config.schema.optuna import StudyConfig
from scripts.command import exit_code
from scripts.optimise.claims import LostTrialError, Taken, next_trial, unfinished
from scripts.optimise.progress import Progress
from scripts.optimise.storages import open_storage, storage_told
from scripts.optimise.studies import FROM, open_study
from scripts.optimise.trials import Told, run_trial
from scripts.optimise.workbench import Workbench, place_of
from utils.atomic import write_text
from utils.cluster.registry import Cluster, open_cluster
from utils.errors import EXIT_USER_ERROR, TrainingError
from utils.logger import get_logger, setup_logging
from utils.paths import ROOT, shown

log = get_logger(__name__)
OURS = "scripts.optimise"
POLL_S = 0.5
STOP_S = 60.0
"""Workers get so long to end their rollout and save."""
DEATHS = 20
"""So many workers may die before something is taken to be wrong with the machine."""


class Job(NamedTuple):
    """What workers work on."""

    study: StudyConfig
    words: list[str]
    """key=value for every trial."""


class Opened(NamedTuple):
    """A study, ready to be worked on."""

    bench: Workbench
    """Its days are not loaded yet."""
    study: Study
    place: Path
    """The study's folder on this machine."""


def opened(job: Job) -> Opened:
    """The study of a job, made if need be. Raises FxError for what cannot be done."""
    bench = Workbench(job.study, job.words)
    bench.check_days()
    start = [{FROM: "the configuration as it stands", **bench.base_point()}] if job.study.start_with_base else []
    study = open_study(job.study, open_storage(job.study.storage), bench.definition(), start)
    return Opened(bench, study, place_of(bench.base, job.study))


def work(at: Opened, told: Callable[[Told], None], until: float | None = None, trials: int = sys.maxsize) -> None:
    """Trials one after the other, as long as there are some, at most so many.

    until: by time.monotonic, none is begun after it.
    """
    bench, study, place = at
    with _quiet_training():
        bench.load()

        def take() -> Taken | None:
            return next_trial(study, bench.study, place)

        while trials and (until is None or time.monotonic() < until):
            try:
                done = run_trial(bench, study, take)
            except LostTrialError as why:
                log.warning("%s: it goes on there", why)
                continue
            if done is None:
                return
            told(done)
            trials -= 1


@contextmanager
def _quiet_training() -> Generator[None]:
    """What a training has to say goes to its run.log only; warnings and our own lines are shown."""

    def wanted(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.name.startswith(OURS)

    handlers = list(logging.getLogger().handlers)
    for handler in handlers:
        handler.addFilter(wanted)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(wanted)


def optimise(job: Job) -> Study:
    """All trials of the study, or as many as the time allows; returns the study. KeyboardInterrupt if stopped."""
    at = opened(job)
    study, place = at.study, at.place
    hours = job.study.budget.hours
    until = time.monotonic() + hours * 3600 if hours else None
    progress = Progress(study, job.study)
    if not unfinished(study, job.study):
        progress.nothing_to_do()
        return study
    progress.begin(shown(place))
    cluster = open_cluster(at.bench.base.cluster)
    if cluster.elsewhere:
        _on(cluster, job, progress, until)
    elif job.study.jobs == 1:
        work(at, lambda _: progress.look(), until)
    else:
        _together(job, place, progress, until)
    progress.look()
    return study


# ---------------------------------------------------------------- a cluster
class WorkOnTrial:
    """Take a trial that was left behind, or the next one, and run it. Goes to the workers."""

    def __init__(self, job: Job, until: float | None) -> None:
        """until: by time.time, none is begun after it."""
        self._job, self._until = job, until
        self._opened: Opened | None = None

    def __call__(self, turn: int, /) -> None:  # noqa: ARG002 - which trial it is the study knows
        """See `utils.cluster.registry.Work`."""
        if self._opened is None:
            self._opened = opened(self._job._replace(study=_threaded(self._job.study)))
        ends = None if self._until is None else time.monotonic() + self._until - time.time()
        work(self._opened, lambda _: None, ends, trials=1)

    def __reduce__(self) -> tuple[type[WorkOnTrial], tuple[Job, float | None]]:
        return WorkOnTrial, (self._job, self._until)


def _on(cluster: Cluster, job: Job, progress: Progress, until: float | None) -> None:
    """A task a trial that is left; a worker that dies leaves its trial to the one that does its task again."""
    turns = range(unfinished(progress.study, job.study))
    ends = None if until is None else time.time() + until - time.monotonic()
    with closing(cluster.run(WorkOnTrial(job, ends), turns, doing=f"study {job.study.name}")) as done:
        for _ in done:
            progress.look()


def _threaded(study: StudyConfig) -> StudyConfig:
    """With the threads of a training: where the study names none, the worker's share of the cores."""
    return study if study.threads else replace(study, threads=int(os.environ["OMP_NUM_THREADS"]))


# ---------------------------------------------------------------- several processes
def _together(job: Job, place: Path, progress: Progress, until: float | None) -> None:
    note = place / "job.json"
    study_values = OmegaConf.to_container(OmegaConf.structured(job.study))
    left = 0.0 if until is None else max(1.0, until - time.monotonic()) / 3600
    write_text(note, json.dumps({"study": study_values, "words": job.words, "hours": left}))
    workers: dict[int, subprocess.Popen[bytes]] = {}
    deaths = 0
    try:
        for number in range(job.study.jobs):
            workers[number] = _start(note, number, place, job.study.jobs)
        while workers:
            time.sleep(POLL_S)
            progress.look()
            for number, worker in list(workers.items()):
                code = worker.poll()
                if code is None:
                    continue
                del workers[number]
                if code == EXIT_USER_ERROR:
                    raise TrainingError("a worker cannot go on", where=_last_words(place, number))
                if code and (deaths := deaths + 1) > DEATHS:
                    raise TrainingError(f"{deaths} workers died", where=_last_words(place, number))
                if code:  # one that ends well has found nothing left to take
                    log.warning("worker %d ended with code %d and is started again", number, code)
                    workers[number] = _start(note, number, place, job.study.jobs)
    finally:
        _end(list(workers.values()))


def _start(note: Path, number: int, place: Path, jobs: int) -> subprocess.Popen[bytes]:
    with _said(place, number).open("ab") as said:
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.optimise.workers", str(note), str(number)],
            cwd=ROOT,
            env={**os.environ, **_share(number, jobs), "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,  # closed when this process ends, however it does
            stdout=said,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for this process, which tells them
        )


def _share(number: int, jobs: int) -> dict[str, str]:
    """A worker's share of cores and GPUs, as environment variables."""
    threads = str(max(1, usable_cores() // jobs))
    gpus = [gpu for gpu in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if gpu] or _gpus()
    shared = {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {}
    return {"OMP_NUM_THREADS": threads, "NUMBA_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads, **shared}


def _gpus() -> list[str]:
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _said(place: Path, number: int) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    return place / f"worker{number}.log"


def _last_words(place: Path, number: int) -> str:
    lines = _said(place, number).read_text(errors="replace").splitlines()
    return f"{shown(_said(place, number))}: " + " | ".join(line.strip() for line in lines[-4:])


def _end(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """Ask them to end after their rollout; those that do not are killed, and lose no more than it."""
    for worker in workers:
        worker.send_signal(signal.SIGINT)
    until = time.monotonic() + STOP_S
    for worker in workers:
        try:
            worker.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()


def _follow_parent() -> None:
    """End, as by Ctrl-C, when the process that looks after us is gone: its end of our standard input closes."""

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)  # not sys.stdin.read: its lock would be held when the interpreter ends
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def run(arguments: Sequence[str]) -> int:
    """One of several workers."""
    setup_logging()
    _follow_parent()
    work_on(Path(arguments[0]))
    return 0


def work_on(note: Path) -> None:
    """The trials of the job in a file. Raises FxError for what every worker would find: a storage that fails, too."""
    told = json.loads(note.read_text())
    structured = OmegaConf.merge(OmegaConf.structured(StudyConfig), told["study"])
    study: StudyConfig = OmegaConf.to_object(structured)  # pyright: ignore[reportAssignmentType]
    until = time.monotonic() + told["hours"] * 3600 if told["hours"] else None
    with storage_told():
        work(opened(Job(_threaded(study), told["words"])), lambda done: log.info("%s", done), until)


if __name__ == "__main__":
    sys.exit(exit_code(run))
