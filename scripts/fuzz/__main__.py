"""Feeds broken and hostile inputs to what reads them: Databento files, configurations, study files, saved models.

Every input must be read, or refused with an error that says why; of a file with a checksum, flipped bits must never be
read as data. An input that is not stood is kept in the folder `--keep` and makes exit code 1: put into tests/fuzz, it
is tried by every run of the tests from then on.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.command import Parser, exit_code
from scripts.fuzz import dbn, models, settings
from scripts.fuzz.run import Report, fuzz
from scripts.fuzz.target import Target
from scripts.output import out
from scripts.usage import peak_mb
from utils.atomic import write_bytes, write_text
from utils.errors import ConfigError, nearest
from utils.logger import setup_logging
from utils.paths import ROOT, shown

TARGETS: dict[str, Target] = {
    target.name: target for target in (dbn.TARGET, settings.VALUES, settings.STUDIES, models.TARGET)
}


def run(arguments: Sequence[str]) -> int:
    """The program; 1 if an input was not stood."""
    options = _options(arguments)
    setup_logging()
    until = time.monotonic() + options.seconds if options.seconds else math.inf
    reports: list[Report] = []
    for name in options.targets or TARGETS:
        share = TARGETS[name].share if not options.targets else 1.0 / len(options.targets)
        reports.append(fuzz(TARGETS[name], max(1, round(options.inputs * share)), options.seed, until))
        _tell(reports[-1])
    inputs, crashes = sum(report.inputs for report in reports), [crash for one in reports for crash in one.crashes]
    out.print(f"{inputs:,} inputs, {len(crashes)} kinds of crash, peak memory {peak_mb():,.0f} MB")
    keep = Path(options.keep)
    for crash in crashes:
        write_bytes(keep / crash.name, crash.data)
        write_text(keep / f"{crash.name}.txt", crash.why)
        out.print(f"{shown(keep / crash.name)}\n{crash.why}")
    return 1 if crashes else 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    about = "".join(f"  {target.name:8} {target.about}\n" for target in TARGETS.values())
    parser = Parser("./fx fuzz", __doc__, more=f"targets:\n{about}")
    parser.add_argument("--targets", nargs="+", metavar="NAME", default=[], help="default: all of them")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in all; default: 1,000,000")
    parser.add_argument("--seconds", type=float, default=0.0, help="none is begun later; default: no limit")
    parser.add_argument("--seed", type=int, default=0, help="the same seed draws the same inputs; default: 0")
    parser.add_argument("--keep", default=str(ROOT / "cache" / "fuzz"), help="default: cache/fuzz")
    options, words = parser.read(arguments)
    for name in [*options.targets, *words]:
        if name not in TARGETS or name in words:
            near = nearest(name, TARGETS)
            raise ConfigError(
                f"there is no target {name!r}", where="--targets", near=near, fix=f"one of {', '.join(TARGETS)}"
            )
    if options.inputs < 1:
        raise ConfigError("--inputs is less than 1", where="the command line", fix="--inputs 10000")
    return options


def _tell(report: Report) -> None:
    speed = report.inputs / max(report.seconds, 1e-9)
    out.print(f"{report.target.name}: {report.inputs:,} inputs in {report.seconds:,.0f} s, {speed:,.0f} a second")
    for outcome, count in report.outcomes.most_common():
        out.print(f"  {count:>9,}  {outcome}")


if __name__ == "__main__":
    sys.exit(exit_code(run))
