"""The disk is full: at every moment at which something is written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.faults import market, whole
from tests.faults.disks import Disk, make_room, small_disk
from tests.faults.process import NOTHING_MORE, Clock, Ended, Running, run
from tests.faults.registry import IN_FLIGHT, Outcome, Setting, fault, promise
from utils.errors import EXIT_USER_ERROR

GROUP = "Full disk"
SAID = (os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG))
"""What the system says of a full disk, and of the limit that stands for one."""
STORAGE_BYTES = 400 << 10
"""A storage of one trial takes more."""
NAMED = f"exit {EXIT_USER_ERROR} that names the full disk"


def starved(
    program: str, words: Sequence[str], disk: Disk, more: Mapping[str, str] = NOTHING_MORE
) -> tuple[Ended, float]:
    """How it ended, and how many seconds it went on once the disk was full."""
    full: Clock | None = None
    with Running(program, words, limit=disk.limit, more=more) as process:
        while process.alive:
            now = process.pause()
            full = full or (now if disk.full else None)
        done = process.end()
        return done, process.seconds_since(full) if full else 0.0


def rooms(setting: Setting, needed: int) -> list[int]:
    """Bytes: less than is needed, and none."""
    return [*setting.chance.integers(0, needed, setting.tries).tolist(), 0][: max(1, setting.tries)]


def told(done: Ended) -> bool:
    """Whether it ended for want of room, and said so; False if the room was enough."""
    market.clean(done)
    if done.code == 0:
        return False
    promise(done.code == EXIT_USER_ERROR, f"exit code {done.code}", done.said)
    promise(any(words in done.said for words in SAID), "the full disk is not named", done.said)
    return True


def on_small_disks(
    setting: Setting,
    needed: int,
    words: Callable[[Path, Path], list[str]],
    again: Callable[[Path, Path, Ended], None],
    *,
    goes_on: bool = False,
) -> tuple[int, float]:
    """`words` of (a folder, a small disk in it), and `again` once there is room. (How often it was full, slowest end).

    needed: bytes that it writes undisturbed; goes_on: it need not end at once where the disk is full.
    """
    ends, slowest = 0, 0.0
    for number, room in enumerate(rooms(setting, needed)):
        folder = market.within(setting.folder / str(number))
        with small_disk(folder / "disk", room) as disk:
            done, seconds = starved("main", words(folder, disk.folder), disk)
            if told(done):
                ends, slowest = ends + 1, max(slowest, seconds)
                promise(goes_on or seconds < setting.limit_s, f"it took {seconds:.1f} s to end", done.said)
            whole.check(disk.folder)
            make_room(disk)
            again(folder, disk.folder, done)
            whole.check(disk.folder)
    return ends, slowest


@fault(GROUP, "the index is built", "cache and runs on a disk with ever other room, but never enough")
def build_index(setting: Setting) -> Outcome:
    def words(_: Path, disk: Path) -> list[str]:
        return market.index_words(disk)

    def again(_: Path, disk: Path, __: Ended) -> None:
        market.fine(run("main", market.index_words(disk)))
        market.same_index(disk)

    ends, slowest = on_small_disks(setting, market.undisturbed_index().bytes, words, again)
    return Outcome(f"{NAMED}; with room the same command makes the very same index", tries=ends, slowest_s=slowest)


@fault(GROUP, "training", "runs and models on a disk with ever other room, but never enough", dear=True)
def training(setting: Setting) -> Outcome:
    def words(folder: Path, disk: Path) -> list[str]:
        return [*market.training_words(folder), *market.placed(disk, "runs", "models")]

    def again(folder: Path, disk: Path, done: Ended) -> None:
        if done.code:
            market.take_up(words(folder, disk))
        market.same_weights(market.newest_run(disk))

    ends, _ = on_small_disks(setting, market.undisturbed_training().bytes, words, again, goes_on=True)
    return Outcome(
        f"goes on without the checkpoints and numbers that do not fit, and says so; {NAMED} where its end cannot be "
        "saved; with room `--resume last`, or the same command, ends with the same weights to the bit",
        "numbers of the rollouts that found no room",
        ends,
    )


@fault(GROUP, "a backtest", "runs on a disk with ever other room, but never enough", dear=True)
def backtest(setting: Setting) -> Outcome:
    def words(folder: Path, disk: Path) -> list[str]:
        return [
            *market.backtest_words(folder),
            *market.placed(disk, "runs"),
            *market.placed(market.trained(), "models"),
        ]

    def again(folder: Path, disk: Path, done: Ended) -> None:
        if done.code:
            market.fine(run("main", words(folder, disk)))
        market.same_trades(disk)

    ends, slowest = on_small_disks(setting, market.undisturbed_backtest().bytes, words, again)
    return Outcome(f"{NAMED}; with room the same command trades the same to the cent", "the backtest", ends, slowest)


@fault(GROUP, "a search for hyperparameters", "its storage on a disk with ever other room, but never enough", dear=True)
def search(setting: Setting) -> Outcome:
    ends, slowest = 0, 0.0
    for number, room in enumerate(rooms(setting, STORAGE_BYTES)):
        folder = market.within(setting.folder / str(number))
        with small_disk(folder / "disk", room) as disk:
            words = market.search_words(folder, disk.folder)
            done, seconds = starved(market.SEARCH, words, disk)
            market.clean(done)
            promise(done.code in (0, EXIT_USER_ERROR), f"exit code {done.code}", done.said)
            if done.code:
                promise("storage" in done.said, "the storage is not named", done.said)
                promise(seconds < setting.limit_s, f"it took {seconds:.1f} s to end", done.said)
                ends, slowest = ends + 1, max(slowest, seconds)
            make_room(disk)
            market.fine(run(market.SEARCH, words))
            market.searched(disk.folder)
    return Outcome(
        f"exit {EXIT_USER_ERROR} that names the storage; with room the same command goes on with that very trial",
        IN_FLIGHT,
        ends,
        slowest,
    )
