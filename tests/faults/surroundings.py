"""The machine around the programs: clock, time zone, folders, names, ports."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from config.compose import load_config
from metrics.dashboard.lifecycle import HOST, PORTS
from scripts.dashboard import show_run
from tests.faults import market, whole
from tests.faults.disks import read_only
from tests.faults.process import Ended, run
from tests.faults.registry import Outcome, Setting, fault, promise
from utils.errors import EXIT_USER_ERROR
from utils.paths import ROOT

CLOCK, FOLDERS, PORT = "Clock and time zone", "Folders and names", "Port taken"
LEAP_S = 86_400
ZONES = ("Pacific/Apia", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin", "UTC")
LEAPING = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
/* The wall clock leaps by FAULT_LEAP_S, back and forth, every FAULT_EVERY calls; the monotonic clock does not. */
int clock_gettime(clockid_t which, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    static long calls;
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int code = real(which, now);
    if (which == CLOCK_REALTIME && (__sync_add_and_fetch(&calls, 1) / atol(getenv("FAULT_EVERY"))) % 2)
        now->tv_sec += atol(getenv("FAULT_LEAP_S"));
    return code;
}
"""


@fault(CLOCK, "another time zone", "the index is built under TZ=" + ", ".join(ZONES[:3]) + " and others")
def zones(setting: Setting) -> Outcome:
    chosen = ZONES[: setting.tries]
    for number, zone in enumerate(chosen):
        folder = market.within(setting.folder / str(number))
        market.fine(run("main", market.index_words(folder), {"TZ": zone}))
        market.same_index(folder, zone)
    return Outcome("the very same index, whatever the zone", tries=len(chosen))


@fault(CLOCK, "the clock leaps", "the wall clock of a training leaps by a day, back and forth, all the time", dear=True)
def leaps(setting: Setting) -> Outcome:
    library = setting.folder / "leaping.so"
    source = library.with_suffix(".c")
    source.write_text(LEAPING)
    compiler = shutil.which("cc") or shutil.which("gcc")
    promise(compiler is not None, "no C compiler: the clock cannot be made to leap")
    subprocess.run([str(compiler), "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    folder = market.within(setting.folder)
    environment = {**os.environ, "LD_PRELOAD": str(library), "FAULT_LEAP_S": str(-LEAP_S), "FAULT_EVERY": "20"}
    looked = [
        sys.executable,
        "-c",
        "import time; told = [time.time() for _ in range(99)]; print(max(told) - min(told))",
    ]
    seen = subprocess.run(looked, env=environment, capture_output=True, text=True, check=True)
    promise(float(seen.stdout) > LEAP_S / 2, f"the clock does not leap: {seen.stdout}")
    words = [sys.executable, str(ROOT / "main.py"), *market.training_words(folder)]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    promise(done.returncode == 0 and "Traceback" not in done.stderr, f"exit code {done.returncode}", done.stderr)
    market.same_weights(market.newest_run(folder))
    whole.check(folder)
    return Outcome("the same weights to the bit; budgets and pauses go by the clock that never leaps")


@fault(FOLDERS, "a data folder that cannot be written", "the index is built from it")
def data_read_only(setting: Setting) -> Outcome:
    data = setting.folder / "data"
    shutil.copytree(market.files(), data)
    folder = market.within(setting.folder)
    with read_only(data) as possible:
        market.fine(run("main", market.index_words(folder, data)))
    market.same_index(folder)
    promise(possible, "root without a right to mount: no folder can be made read-only")
    return Outcome("nothing is ever written there: the very same index")


def refused(setting: Setting, kind: str, words: Callable[[Path], list[str]]) -> tuple[Path, Ended]:
    """A folder of whose parts one, `kind`, could not be written while `words` of it ran; and how that ended."""
    folder = market.within(setting.folder)
    (folder / kind).mkdir()
    with read_only(folder / kind):
        done = market.clean(run("main", words(folder)))
    promise(done.code == EXIT_USER_ERROR, f"exit code {done.code}", done.said)
    return folder, done


@fault(FOLDERS, "a cache that cannot be written", "the index is built into it, and once more when it can be")
def cache_read_only(setting: Setting) -> Outcome:
    folder, done = refused(setting, "cache", market.index_words)
    promise("data.cache=" in done.said, "it does not say what to do", done.said)
    market.fine(run("main", market.index_words(folder)))
    market.same_index(folder)
    return Outcome(f"exit {EXIT_USER_ERROR} with the file and what to do; then the very same index")


@fault(FOLDERS, "models that cannot be written", "a training ends there; then they can be", dear=True)
def models_read_only(setting: Setting) -> Outcome:
    folder, _ = refused(setting, "models", market.training_words)
    market.fine(run("main", market.resuming(market.training_words(folder))))
    market.same_weights(market.newest_run(folder))
    promise((folder / "models" / "v1").is_dir(), "no model was registered")
    whole.check(folder)
    return Outcome(f"exit {EXIT_USER_ERROR}; the run keeps its last checkpoint, and `--resume last` registers it")


@fault(
    FOLDERS,
    "spaces and letters of any script in paths",
    f"everything on this page happens in a folder “{market.PLACE}”",
    dear=True,
)
def odd_names(setting: Setting) -> Outcome:
    folders = {market.files(), market.trained()}
    promise(all(market.PLACE in folder.parts for folder in folders), "another folder")
    market.undisturbed_index()
    market.undisturbed_backtest()
    promise(market.newest_run(market.trained()).joinpath("report.html").is_file(), "there is no report")
    whole.check(market.trained())
    return Outcome("index, training, backtest and report, as anywhere")


@fault(FOLDERS, "a folder of data that lost a day", f"one of {market.SYMBOL}'s files goes between two scans", dear=True)
def lost_day(setting: Setting) -> Outcome:
    data = setting.folder / "data"
    shutil.copytree(market.files(), data)
    folder = market.within(setting.folder)
    market.fine(run("main", market.index_words(folder, data)))
    gone = sorted(data.glob("*.mbp-1.*"))[0]
    gone.unlink()
    market.fine(run("main", market.index_words(folder, data)))
    promise(_tables(market.index_of(folder)) != _tables(market.undisturbed_index().result), "the day is not missed")
    shutil.copy(market.files() / gone.name, gone)
    market.fine(run("main", market.index_words(folder, data)))
    promise(
        _tables(market.index_of(folder)) == _tables(market.undisturbed_index().result),
        "another index once the file is back",
    )
    return Outcome("an index of the others; the very same as before once the file is back")


def _tables(found: dict[str, str]) -> dict[str, str]:
    """Of the index alone: days whose verdict is known are not built before they are used."""
    return {name: digest for name, digest in found.items() if name.endswith(".parquet")}


@fault(PORT, "every port that the dashboard may take", f"{PORTS} programs listen there while a training starts")
def ports(setting: Setting) -> Outcome:
    with contextlib.ExitStack() as stack:
        first = _taken(stack)
        records: list[str] = []
        handler = logging.Handler()
        handler.emit = lambda record: records.append(record.getMessage())
        log = logging.getLogger("scripts.dashboard")
        log.addHandler(handler)
        stack.callback(log.removeHandler, handler)
        stack.callback(log.setLevel, log.level)
        log.setLevel(logging.WARNING)
        words = ["dashboard.enabled=always", f"dashboard.port={first}", f"runs='{setting.folder / 'runs'}'"]
        show_run(load_config("quick", words))
    promise(any(f"no port from {first}" in told for told in records), "nobody said so", "\n".join(records))
    return Outcome("a warning that names the ports; the training goes on without a dashboard")


def _taken(stack: contextlib.ExitStack) -> int:
    """The first of PORTS ports in a row that are taken until the stack unwinds."""
    for first in range(20_000, 60_000, 2 * PORTS):
        with contextlib.ExitStack() as row, contextlib.suppress(OSError):
            for port in range(first, first + PORTS):
                row.enter_context(socket.create_server((HOST, port)))
            stack.push(row.pop_all())
            return first
    raise AssertionError("no ports in a row are free")
