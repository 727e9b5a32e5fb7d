"""A thread per sink: whatever a sink does, training waits for nothing and loses at most what that sink would have got.

Messages wait in a bounded queue; when it is full the oldest is dropped and counted.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from utils.logger import get_logger

log = get_logger(__name__)
FAILS = "fails"


class Note(NamedTuple):
    """Something that happened once."""

    time: float
    """Unix seconds."""
    step: int
    kind: str
    """See `metrics.notes.Kind`."""
    text: str
    data: Mapping[str, Any]
    """Plain data."""


class MetricSink(Protocol):
    """Somewhere that numbers go to. Made, written to and closed by a thread of its own.

    A sink that wants more than numbers, or may hang, also has some of these methods:

        rows(step, tables)   what happened in a rollout: rows by table (metrics/layout.py), which are the sink's own
        note(note)           something that happened once, a `Note`
        abandon()            called from another thread when `close` took too long: let nothing of it keep the process
    """

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take the values of one rollout; `step` counts environment steps."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


class Delivery(NamedTuple):
    """A message: the method of the sink that takes it, and its arguments."""

    method: str
    arguments: tuple[Any, ...]


class Publisher:
    """The thread of one sink."""

    def __init__(self, name: str, make: Callable[[], MetricSink], capacity: int) -> None:
        """make: opens the sink, in the thread; capacity: messages that may wait."""
        self.name = name
        self.dropped = 0
        """Messages that were left out: the queue was full, or the sink failed on them."""
        self._make, self._capacity = make, capacity
        self._queue: deque[Delivery] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._busy = True  # until the sink is open
        self._sink: MetricSink | None = None
        self._failing = False
        self._thread = threading.Thread(target=self._run, name=f"metrics {name}", daemon=True)
        self._thread.start()

    def send(self, delivery: Delivery) -> None:
        """Hand a message over; never waits."""
        with self._changed:
            if len(self._queue) == self._capacity:
                self._queue.popleft()
                self.dropped += 1
            self._queue.append(delivery)
            self._changed.notify_all()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything has been taken; False if that takes longer."""
        end = time.monotonic() + timeout_s
        with self._changed:
            return self._changed.wait_for(lambda: not self._queue and not self._busy, max(0.0, end - time.monotonic()))

    def end(self) -> None:
        """Let the sink take what waits, then close it."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait for that; a sink that takes longer is left behind."""
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("metrics: %s does not come to its end and is left behind", self.name)
            abandon = getattr(self._sink, "abandon", None)
            if abandon is not None:
                abandon()
        if self.dropped:
            log.warning("metrics: %s missed %d messages", self.name, self.dropped)

    def _run(self) -> None:
        sink = self._sink = self._guarded(self._make, "cannot be opened")
        while (delivery := self._next()) is not None:
            method = getattr(sink, delivery.method, None)
            if sink is None:
                self.dropped += 1
            elif method is not None:  # a sink takes what it has a method for
                self._guarded(lambda call=method, given=delivery.arguments: call(*given) or True, FAILS)
        if sink is not None:
            self._guarded(sink.close, "cannot be closed")

    def _next(self) -> Delivery | None:
        """The oldest message; None once the hub is closing and none is left."""
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue or self._closing)
            self._busy = bool(self._queue)
            return self._queue.popleft() if self._queue else None

    def _guarded(self, call: Callable[[], Any], what: str) -> Any:
        """The result of `call`, None if it fails: said once, and once more when it works again."""
        try:
            result = call()
        except Exception as why:  # a sink may be anybody's, and training has to go on
            self._failed(what, why)
            log.debug("metrics: %s", self.name, exc_info=True)
            return None
        if self._failing:
            log.info("metrics: %s works again, %d messages are missing", self.name, self.dropped)
        self._failing = False
        return result

    def _failed(self, what: str, why: Exception) -> None:
        self.dropped += what == FAILS
        if not self._failing:
            log.warning("metrics: %s %s (%s: %s); training goes on", self.name, what, type(why).__name__, why)
        self._failing = True
