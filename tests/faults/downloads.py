"""Downloads that are broken off: by a full disk, a kill, a signal. What was paid for is not paid again."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Generator
from pathlib import Path

from tests.faults import market, whole
from tests.faults.disks import make_room, small_disk
from tests.faults.full_disk import NAMED, rooms, starved, told
from tests.faults.process import Running, run
from tests.faults.registry import IN_FLIGHT, Outcome, Setting, fault, promise
from tests.support.databento_server import KEY, DatabentoServer, Market
from tests.support.small_market import made_once
from utils.errors import EXIT_INTERRUPTED

GROUP = "Downloads"
PROGRAM = "scripts.download"
CONNECTIONS = 2
FILES = 9
"""Four sessions of mbp-1 and status, and the daily bars."""


@contextlib.contextmanager
def served(setting: Setting) -> Generator[DatabentoServer]:
    """A server on loopback that sells the sample market."""
    scratch = setting.folder / "server"
    scratch.mkdir(parents=True)
    with DatabentoServer(Market(made_once() / "sample", scratch), scratch) as server:
        yield server


def words(server: DatabentoServer, folder: Path) -> list[str]:
    """Four sessions of one symbol into `folder`."""
    return [
        *["--symbols", "MLGO", "--start", "2025-04-25", "--end", "2025-04-30", "--yes"],
        *server.overrides(folder),
        f"download.connections={CONNECTIONS}",
    ]


def environment(server: DatabentoServer) -> dict[str, str]:
    return {"DATABENTO_API_KEY": KEY, "REQUESTS_CA_BUNDLE": str(server.certificate)}


def finished(server: DatabentoServer, folder: Path, bought_before: int) -> None:
    """The same command gets the rest, and nothing twice but what was in flight."""
    market.fine(run(PROGRAM, words(server, folder), environment(server)))
    promise(len(list((folder / "dnb").rglob("*.dbn.zst"))) == FILES, "files are missing")
    bought = server.count("get_range") - bought_before
    promise(bought <= FILES + CONNECTIONS + 1, f"{bought} files were bought instead of {FILES}")  # one may be waiting
    whole.check(folder / "dnb", killed=True)


@fault(GROUP, "the disk is full", "the data folder on a disk with ever other room, but never enough")
def full_disk(setting: Setting) -> Outcome:
    ends, slowest = 0, 0.0
    with served(setting) as server:
        needed = whole.size(made_once() / "sample" / "mlgo") // 4
        for number, room in enumerate(rooms(setting, needed)):
            disk_folder = market.within(setting.folder / str(number)) / "disk"
            with small_disk(disk_folder, room) as disk:
                bought = server.count("get_range")
                done, seconds = starved(PROGRAM, words(server, disk.folder), disk, environment(server))
                if told(done):
                    ends, slowest = ends + 1, max(slowest, seconds)
                    promise(seconds < setting.limit_s, f"it took {seconds:.1f} s to end", done.said)
                whole.check(disk.folder, killed=True)
                make_room(disk)
                finished(server, disk.folder, bought)
    return Outcome(f"{NAMED}; with room the same command gets the rest", IN_FLIGHT, ends, slowest)


@fault(GROUP, "it is killed or told to stop", "kill -9, SIGINT and SIGTERM at random moments, then the same command")
def broken_off(setting: Setting) -> Outcome:
    ends, slowest = 0, 0.0
    with served(setting) as server:
        undisturbed = run(PROGRAM, words(server, market.within(setting.folder / "whole")), environment(server))
        market.fine(undisturbed)
        for number, kind in enumerate([signal.SIGKILL, signal.SIGINT, signal.SIGTERM] * setting.tries):
            folder, bought = market.within(setting.folder / str(number)), server.count("get_range")
            with Running(PROGRAM, words(server, folder), more=environment(server)) as process:
                process.wait_until(float(setting.chance.uniform(0.3, 1.0)) * undisturbed.cpu_s)
                since = process.clock()
                process.signal(kind)
                done, seconds = process.end(), process.seconds_since(since)
            promise(done.code in (0, EXIT_INTERRUPTED, -signal.SIGKILL), f"exit code {done.code}", done.said)
            market.clean(done)
            if done.code > 0:
                promise(seconds < setting.limit_s, f"it took {seconds:.1f} s to end", done.said)
                slowest = max(slowest, seconds)
            ends += bool(done.code)
            whole.check(folder, killed=True)
            finished(server, folder, bought)
    return Outcome(
        "the same command gets the rest: nothing is paid twice but what was in flight", IN_FLIGHT, ends, slowest
    )
