"""Make everything go wrong that can, and see what is left: killed processes, full disks, damaged files.

Every fault of tests/faults happens --tries times at random moments; a promise that is broken ends in exit code 1.
Outcomes are kept in cache/faults.json, so faults can be looked at one by one; --docs writes docs/reliability.md of all
that are kept.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.command import Parser, exit_code
from scripts.pipeline import out
from tests.faults.all import FAULTS
from tests.faults.page import PAGE, key, page
from tests.faults.registry import Fault, Outcome, Setting
from tests.support.small_market import SHARED
from utils.atomic import write_text
from utils.errors import ConfigError, nearest
from utils.logger import setup_logging
from utils.paths import CACHE, shown
from utils.seeding import stream

KEPT = CACHE / "faults.json"


def faults_parser() -> Parser:
    """The options."""
    parser = Parser("./fx faults", __doc__, options="[--tries N] [--only WORD] [--docs]")
    parser.add_argument("--tries", type=int, default=10, metavar="N", help="of each fault, default 10")
    parser.add_argument(
        "--only", metavar="WORD", action="append", default=[], help="those whose name holds the word; repeatable"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the random moments, default 0")
    parser.add_argument("--docs", action="store_true", help=f"write {shown(PAGE)}")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Make the faults happen; 1 if a promise is broken."""
    options, words = faults_parser().read(arguments)
    setup_logging("ERROR")
    if words:
        raise ConfigError(f"there is no argument {words[0]!r}", where="the command line", fix="./fx faults --help")
    chosen = _chosen(options.only)
    folder, began = Path(tempfile.mkdtemp(prefix="fx-faults-")), time.monotonic()
    kept = _kept()
    try:
        (folder / "market").mkdir()
        os.environ.setdefault(SHARED, str(folder / "market"))
        for number, row in enumerate(chosen):
            place = folder / str(number)
            place.mkdir()
            outcome = _happens(row, Setting(place, options.tries, stream(options.seed, "faults", key(row))))
            kept = _kept()  # another process may have added to it
            kept.pop(key(row), None)
            kept |= {} if outcome is None else {key(row): outcome}
            write_text(KEPT, json.dumps(kept, indent=1))
            shutil.rmtree(place, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    broken = [key(row) for row in chosen if key(row) not in kept]
    out.print(
        f"{len(chosen)} faults, {len(broken)} of them broken promises or not shown, {time.monotonic() - began:,.0f} s"
    )
    if options.docs:
        write_text(PAGE, page(kept))
        out.print(f"wrote {shown(PAGE)}")
    return int(bool(broken))


def _kept() -> dict[str, Outcome]:
    """Outcomes of earlier runs, by name."""
    if not KEPT.is_file():
        return {}
    return {name: Outcome(*told) for name, told in json.loads(KEPT.read_text()).items()}


def _chosen(words: Sequence[str]) -> list[Fault]:
    """Faults whose name holds one of the words, all if there is none. Raises ConfigError for one that finds nothing."""
    names = [key(row) for row in FAULTS]
    for word in words:
        if not any(word.lower() in name.lower() for name in names):
            raise ConfigError(f"no fault is called {word!r}", near=nearest(word, names), fix=f"--only '{names[0]}'")
    return [row for row in FAULTS if not words or any(word.lower() in key(row).lower() for word in words)]


def _happens(row: Fault, setting: Setting) -> Outcome | None:
    """What came of it, None if a promise was broken; told."""
    began = time.monotonic()
    try:
        outcome = row.happen(setting)
    except (AssertionError, TimeoutError) as why:
        out.print(f"BROKEN  {key(row)}\n{why}", markup=False)
        return None
    if not outcome.tries:
        out.print(f"NOT SHOWN  {key(row)}: it never came to that; more --tries, or another --seed", markup=False)
        return None
    took = time.monotonic() - began
    out.print(
        f"{key(row)}: {outcome.tries:,} times in {took:,.0f} s; {outcome.did}; lost: {outcome.lost}", markup=False
    )
    return outcome


if __name__ == "__main__":
    sys.exit(exit_code(run))
