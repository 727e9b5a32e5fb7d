"""How many threads torch computes with: a number, or the one that the first update is fastest with."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Generator
from pathlib import Path

import torch

from utils.logger import get_logger

log = get_logger(__name__)

TRIALS = 4
"""Minibatches by number of threads; the fastest counts, as the first of each starts its threads."""
WORTH = 0.9
"""More threads must take at most this share of the time: what they gain below that, another program loses."""
QUOTA = Path("/sys/fs/cgroup/cpu.max")


class Threads:
    """`wanted` threads, or with 0 the fastest of 1, 2, 4, ... `most`, found out by minibatches that must be learnt from
    anyway.

    How a sum is split over threads is in its last bits: the number belongs to what a run needs to be repeated.
    """

    def __init__(self, wanted: int, most: int, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._seconds: dict[int, list[float]] = {}
        if wanted > 0:
            self.settle(wanted)
        else:
            self._seconds = {count: [] for count in sorted({*(2**i for i in range(most.bit_length())), most})}

    @property
    def count(self) -> int:
        """The number; 0 while it is not known."""
        return 0 if self._seconds else torch.get_num_threads()

    def settle(self, count: int) -> None:
        """Use `count` threads from now on."""
        self._seconds.clear()
        torch.set_num_threads(count)

    @contextlib.contextmanager
    def minibatch(self) -> Generator[None]:
        """One minibatch is computed within the block."""
        if not self._seconds:
            yield
            return
        count, seconds = min(self._seconds.items(), key=lambda item: len(item[1]))
        torch.set_num_threads(count)
        began = self._clock()
        yield
        seconds.append(self._clock() - began)
        if all(len(taken) == TRIALS for taken in self._seconds.values()):
            self._choose()

    def _choose(self) -> None:
        best, least = 1, math.inf
        for count, taken in self._seconds.items():
            if min(taken) <= WORTH * least:
                best, least = count, min(taken)
        times = ", ".join(f"{count}: {1e3 * min(taken):.1f} ms" for count, taken in self._seconds.items())
        log.info("torch threads: %d (a minibatch takes with %s)", best, times)
        self.settle(best)


def usable_cores(quota: Path = QUOTA) -> int:
    """Cores that this process may use: its affinity, and in a container what it is given of them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):  # no such file, or no limit: "max 100000"
        given, period = map(int, quota.read_text().split())
        cores = min(cores, math.ceil(given / period))
    return max(1, cores)
