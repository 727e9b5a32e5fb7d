"""Programs of this project in processes of their own, to be killed, starved and interrupted."""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import NamedTuple, Self

from scripts.command import exit_code
from tests.support.forks import FORKS

PATIENCE_S = 900.0
"""A process that takes longer is taken to hang."""
POLL_S = 0.05
LAST_WORDS_S = 2.0
"""A process that it has left behind may hold on to its output."""

NOTHING_MORE: Mapping[str, str] = {}


class Ended(NamedTuple):
    """How a process came to its end."""

    code: int
    """Exit code; minus the signal that ended it."""
    said: str
    """Its standard output and error."""
    cpu_s: float
    """What its main thread computed, seconds."""


class Clock(NamedTuple):
    """Of the main thread of a process, seconds."""

    cpu_s: float
    """Computed."""
    waited_s: float
    """Ready to compute while others had the cores: not the program's fault."""
    now_s: float


class Running:
    """A process of this project. A context manager: killed if it still runs at the end."""

    def __init__(
        self, program: str, words: Sequence[str], *, limit: int | None = None, more: Mapping[str, str] = NOTHING_MORE
    ) -> None:
        """program: a module with `main`, or with `run`.

        limit: bytes that a file of it may have, if it is limited; more: environment variables of its own.
        """
        heard, tell = FORKS.Pipe(duplex=False)
        self._begun, begin = FORKS.Pipe(duplex=False)
        self._heard: list[bytes] = []
        self._process: ForkServerProcess = FORKS.Process(
            target=_child, args=(program, list(words), (tell, begin), limit, {**os.environ, **more})
        )
        self._process.start()
        self._clock = Clock(0.0, 0.0, time.monotonic())
        tell.close()
        begin.close()
        self._listener = threading.Thread(target=_listen, args=(heard, self._heard), daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self.alive:
            os.kill(self.pid, number)

    def clock(self) -> Clock:
        """Now, or as it was last seen."""
        try:
            cpu, waited, _ = Path(f"/proc/{self.pid}/schedstat").read_text().split()
        except (OSError, ValueError):  # it has ended, or this is no Linux
            return self._clock._replace(now_s=time.monotonic())
        self._clock = Clock(int(cpu) / 1e9, int(waited) / 1e9, time.monotonic())
        return self._clock

    def pause(self, seconds: float = POLL_S) -> Clock:
        """Wait so long, or until its end."""
        self._process.join(seconds)
        return self.clock()

    def wait_until(self, cpu_s: float) -> None:
        """Wait until the program has computed for so long, its start not counted, or has ended."""
        with contextlib.suppress(EOFError):  # it has ended
            self._begun.recv_bytes()
        cpu_s += self.clock().cpu_s
        while self.alive and self.pause().cpu_s < cpu_s:
            pass

    def end(self) -> Ended:
        """Wait for its end. TimeoutError if it takes longer than PATIENCE_S."""
        until = time.monotonic() + PATIENCE_S
        while self.alive and time.monotonic() < until:
            self.pause()
        code = self._process.exitcode
        if code is None:
            raise TimeoutError(f"it still runs after {PATIENCE_S:g} s; it said:\n{self.said}")
        self._listener.join(LAST_WORDS_S)
        return Ended(code, self.said, self._clock.cpu_s)

    def seconds_since(self, since: Clock) -> float:
        """What it took from then to its end, without the time in which others had the cores."""
        now = self.clock()
        return max(0.0, now.now_s - since.now_s - (now.waited_s - since.waited_s))

    @property
    def said(self) -> str:
        """So far, on standard output and error."""
        return b"".join(self._heard).decode(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.alive:
            self._process.kill()
        self._process.join()


def run(program: str, words: Sequence[str], more: Mapping[str, str] = NOTHING_MORE) -> Ended:
    """The whole life of a process."""
    with Running(program, words, more=more) as process:
        return process.end()


def _listen(heard: Connection, parts: list[bytes]) -> None:
    with heard:
        while part := os.read(heard.fileno(), 1 << 16):
            parts.append(part)


def _child(
    program: str,
    words: list[str],
    pipes: tuple[Connection, Connection],
    limit: int | None,
    environment: dict[str, str],
) -> None:
    tell, begin = pipes
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for stream in (1, 2):
        os.dup2(tell.fileno(), stream)
    tell.close()
    if limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    module = importlib.import_module(program)
    begin.send_bytes(b"begun")
    begin.close()
    sys.exit(module.main(words) if hasattr(module, "main") else exit_code(module.run, words))
