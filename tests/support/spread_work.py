"""Work whose workers die or are stopped, as Python processes elsewhere can import it."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
from pathlib import Path

from data.market_day import MarketDay
from simulators.market_simulator import MarketSimulator


def die_once(marker: Path) -> None:
    """Kill this process, unless that was done before."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


class Squares:
    """The square of a number; whoever gets `fatal` dies, once or always."""

    def __init__(self, folder: Path, fatal: int, *, always: bool = False) -> None:
        self._folder, self._fatal, self._always = folder, fatal, always

    def __call__(self, number: int, /) -> int:
        if number == self._fatal:
            die_once(self._folder / (f"died-{time.time_ns()}" if self._always else "died"))
        return number * number


class Refused:
    """Work that cannot be done."""

    def __call__(self, number: int, /) -> int:
        raise ValueError(f"{number} is refused")


class Patient:
    """Works until it is interrupted, and says that it ended in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, number: int, /) -> int:
        try:
            (self._folder / f"began-{number}").touch()
            while number:
                time.sleep(0.02)
        except KeyboardInterrupt:
            (self._folder / f"ended-{number}").touch()
            raise
        return number


class FatalSimulator:
    """A MarketSimulator whose process dies while it makes one of the days, the first time."""

    def __init__(self, simulator: MarketSimulator, name: tuple[str, dt.date], marker: Path) -> None:
        self._simulator, self._name, self._marker = simulator, name, marker

    @property
    def fingerprint(self) -> str:
        """As of the one that lives."""
        return self._simulator.fingerprint

    def day(self, symbol: str, date: dt.date) -> MarketDay:
        """As of the one that lives."""
        if (symbol, date) == self._name:
            die_once(self._marker)
        return self._simulator.day(symbol, date)
