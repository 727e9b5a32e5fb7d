"""A training in several processes at once, on one machine or on many: what they tell each other.

Every process steps all lanes and holds all rollout rows, as simulating a lane again is quicker than sending what became
of it. The network is what takes time, so that is shared out: each process decides for its own lanes, learns from its
own rows of every minibatch and adds its gradients to the others'. All of them are alike between two steps of the
optimiser, down to the last bit, and process 0 alone writes.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import signal
import socket
import time
from collections.abc import Callable, Generator, Iterable
from types import FrameType
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ai.device import open_device
from ai.policy import drawn
from config.schema import TrainingConfig
from utils.errors import ConfigError, TrainingError
from utils.group import MEETING, group_rank, group_size

T = TypeVar("T")

POLL_S = 0.2
AGAIN = "./fx momentum --resume last"


class World:
    """All processes of a training, as one of them sees it. This one is alone and has nothing to exchange.

    Every method but `leads` and `share` is to be called by all processes, in the same order.
    """

    rank, size = 0, 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Which of `count` rows are this process's: as many as any other's, give or take one."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def join(self, count: int, *own: Tensor) -> tuple[Tensor, ...]:
        """Numbers of all `count` rows [count, ...] from those of everybody's share [n, ...]."""
        assert all(len(part) == count for part in own)
        return own

    def average(self, means: Tensor, rows: int) -> tuple[Tensor, Tensor | float]:
        """Means [K] over the rows of all processes from those over `rows` own ones, and the weight of the own rows."""
        assert rows
        return means, 1.0

    def moments(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the values [n] of all processes."""
        return values.mean(), values.std()

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by the sum over the processes."""

    def draw(self, probabilities: Tensor, count: int) -> Tensor:
        """Actions [n] for the share [n, A] of `count` rows: the same ones, however rows are shared out."""
        assert len(probabilities) == count
        return drawn(probabilities)

    def first(self, value: T) -> T:
        """What process 0 gives."""
        return value

    def every(self, value: T) -> list[T]:
        """What each process gives, in order of rank."""
        return [value]

    def require_alike(self, what: str, fingerprint: Callable[[], str]) -> None:
        """Raise TrainingError if `what` has not the same fingerprint everywhere."""

    @contextlib.contextmanager
    def leader_first(self) -> Generator[None]:
        """The others do what is in the block when process 0 is through, and find in caches what it left there."""
        yield

    def close(self) -> None:
        """Nothing more will be exchanged."""


class Processes(World):
    """Several processes that found each other through `store`."""

    def __init__(self, store: dist.Store, rank: int, size: int, backend: str, silence_s: float) -> None:
        """silence_s: after which one that says nothing counts as lost. One that dies is noticed at once."""
        self.rank, self.size = rank, size
        self._store, self._turns, self._lost = store, 0, False
        signal.signal(signal.SIGTERM, self._terminate)
        with self._together():
            dist.init_process_group(
                backend, store=store, rank=rank, world_size=size, timeout=dt.timedelta(seconds=silence_s)
            )

    def join(self, count: int, *own: Tensor) -> tuple[Tensor, ...]:
        """Through one tensor of float32, on the CPU: whole numbers up to 2 ** 24 come through unharmed."""
        rows = self.share(count)
        shapes = [part.shape[1:] for part in own]
        widths = [shape.numel() for shape in shapes]
        table = torch.zeros(count, sum(widths))
        table[rows] = torch.cat([part.reshape(-1, n).float().cpu() for part, n in zip(own, widths, strict=True)], 1)
        with self._together():
            dist.all_reduce(table)
        parts = zip(table.split(widths, 1), shapes, own, strict=True)
        return tuple(part.reshape(count, *shape).to(like.dtype) for part, shape, like in parts)

    def average(self, means: Tensor, rows: int) -> tuple[Tensor, Tensor | float]:
        """As declared; the weight stays on the device."""
        sums = torch.cat([means * rows, means.new_tensor([rows])])
        with self._together():
            dist.all_reduce(sums)
        return sums[:-1] / sums[-1], rows / sums[-1]

    def moments(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """As declared, summed up in float64."""
        exact = values.double()
        sums = torch.stack([torch.ones_like(exact).sum(), exact.sum(), (exact * exact).sum()])
        with self._together():
            dist.all_reduce(sums)
        count, total, squares = sums
        mean = total / count
        return mean.to(values.dtype), ((squares - count * mean**2) / (count - 1)).sqrt().to(values.dtype)

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """All in one message."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        whole = torch.cat([gradient.flatten() for gradient in gradients])
        with self._together():
            dist.all_reduce(whole)
        for gradient, total in zip(gradients, whole.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient))

    def draw(self, probabilities: Tensor, count: int) -> Tensor:
        """By the noise of all `count` rows, of which every process has the same."""
        every = probabilities.new_ones(count, probabilities.shape[1])
        every[self.share(count)] = probabilities
        return drawn(every)[self.share(count)]

    def first(self, value: T) -> T:
        """As declared."""
        given = [value if self.leads else None]
        with self._together():
            dist.broadcast_object_list(given, src=0)
        (told,) = given
        return told  # pyright: ignore[reportReturnType] - it comes from process 0, which gave a T

    def every(self, value: T) -> list[T]:
        """As declared."""
        told: list[T] = [value] * self.size
        with self._together():
            dist.all_gather_object(told, value)
        return told

    def require_alike(self, what: str, fingerprint: Callable[[], str]) -> None:
        """As declared."""
        told = self.every(fingerprint())
        unlike = [str(rank) for rank, theirs in enumerate(told) if theirs != told[0]]
        if unlike:
            raise TrainingError(
                f"{what}: process {', '.join(unlike)} and process 0 do not have the same",
                fix="use the same data, the same checkout, the same libraries and GPUs of one kind on every machine",
            )

    @contextlib.contextmanager
    def leader_first(self) -> Generator[None]:
        """As declared. It may take as long as it takes."""
        self._turns += 1
        turn = f"turn {self._turns}"
        with self._together():
            while not self.leads and not self._store.check([turn]):
                time.sleep(POLL_S)
        yield
        if self.leads:
            with self._together():
                self._store.set(turn, "over")

    def close(self) -> None:
        """As declared."""
        if dist.is_initialized():
            dist.destroy_process_group()

    @contextlib.contextmanager
    def _together(self) -> Generator[None]:
        """What torch says when another process is gone, in words to act upon."""
        try:
            yield
        except RuntimeError as why:
            self._lost = True
            raise TrainingError(
                f"process {self.rank} of 0 to {self.size - 1} has lost another one",
                where=str(why).partition("\n")[0],
                fix=f"see what that one said last, or whether it was killed; the newest checkpoint goes on: {AGAIN}",
            ) from why

    def _terminate(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - the interpreter passes it
        """Whoever started the processes ends them all when one is gone, and this one is about to say so."""
        if not self._lost:
            raise KeyboardInterrupt


@contextlib.contextmanager
def open_world(training: TrainingConfig) -> Generator[World]:
    """The processes that were started together, or none but this one; left when the block ends."""
    world = _processes(training) if group_size() > 1 else World()
    try:
        yield world
    finally:
        world.close()


def _processes(training: TrainingConfig) -> Processes:
    rank, size = group_rank(), group_size()
    local = int(os.environ.get("LOCAL_RANK", rank))
    if os.environ.get("LOCAL_WORLD_SIZE") == str(size):
        _stay_on_this_machine()
    if open_device(training.device).type == "cuda":
        if local >= torch.cuda.device_count():
            what = f"there are {torch.cuda.device_count()} GPUs for {local + 1} or more processes"
            raise ConfigError(what, fix="start one process a GPU, or use training.device=cpu")
        torch.cuda.set_device(local)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() and dist.is_nccl_available() else "gloo"
    if MEETING in os.environ:
        store: dist.Store = dist.FileStore(os.environ[MEETING], size)
    else:
        store, _, _ = next(dist.rendezvous("env://"))
    return Processes(store, rank, size, backend, training.silence_s)


def _stay_on_this_machine() -> None:
    """Processes of one machine talk through its loopback device, unless another one is named."""
    for _, name in socket.if_nameindex():
        if name.startswith("lo"):
            os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
            os.environ.setdefault("NCCL_SOCKET_IFNAME", name)


def require_shares(training: TrainingConfig, batch_sizes: Iterable[int], size: int) -> None:
    """Raise ConfigError where `size` processes cannot share the lanes or a minibatch of `batch_sizes`."""
    if size == 1:
        return
    if training.lanes < size:
        what = f"training.lanes is {training.lanes}, too few for {size} processes"
        raise ConfigError(what, fix=f"use {size} or more")
    if not training.threads:
        fix = "training.threads=1, or as many as a process has cores"
        raise ConfigError("training.threads=0 measures one process, and there are several", fix=fix)
    rows = training.n_steps * training.lanes
    for batch in batch_sizes:
        if batch < size or 0 < rows % batch < size:
            raise ConfigError(
                f"minibatches of {batch} of {rows} rows leave one that is too small for {size} processes",
                fix="choose training.batch_size so that it divides training.n_steps times training.lanes",
            )
