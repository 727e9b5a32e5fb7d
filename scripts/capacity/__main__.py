"""What would a whole market cost, and a large search? Measures what one of each costs here, then multiplies.

The index of the universe is measured by `./fx bench-universe --json FILE` and taken from --universe FILE.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from scripts.bench_universe import Indexed
from scripts.capacity.page import page
from scripts.capacity.plan import Question
from scripts.capacity.units import Machine, Units, machine, measure_units
from scripts.command import Parser, exit_code
from scripts.output import out
from utils.atomic import write_text
from utils.errors import ConfigError, DataError
from utils.logger import get_logger, setup_logging
from utils.paths import ROOT, shown

log = get_logger(__name__)
FIGURES, PAGE = ROOT / "docs" / "scaling.json", ROOT / "docs" / "scaling.md"
STUDY = ROOT / "config" / "optuna" / "_study.yaml"
VALIDATION_DAYS = 6
"""Of one evaluation in a search."""


def parser() -> Parser:
    """The options."""
    made = Parser("./fx capacity", __doc__)
    made.add_argument("--known", action="store_true", help="with the figures of docs/scaling.json: measure nothing")
    made.add_argument("--universe", type=Path, metavar="FILE", help="figures of the index, by bench-universe --json")
    made.add_argument("--docs", action="store_true", help="write docs/scaling.json and docs/scaling.md")
    made.add_argument("--symbols", type=int, default=5000)
    made.add_argument("--sessions", type=int, default=250)
    made.add_argument("--active", type=float, default=0.02, help="share of symbol-days with one-second bars")
    made.add_argument("--kept", type=float, default=0.002, help="share of symbol-days bought in full")
    made.add_argument("--trials", type=int, default=1000)
    made.add_argument("--cores", type=int, default=16)
    made.add_argument("--core-hour", type=float, default=0.05, metavar="$", help="price of a core for an hour")
    made.add_argument("--gb-month", type=float, default=0.023, metavar="$", help="price of a GB for a month")
    return made


def run(arguments: Sequence[str]) -> int:
    """Measure, reckon, print the page or write it."""
    options = parser().read_options(arguments)
    setup_logging("INFO")
    question = question_of(options)
    known: dict[str, Any] = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    index = json.loads(options.universe.read_text()) if options.universe else known.get("universe")
    if not index or (options.known and "units" not in known):
        raise DataError(
            "nobody has measured the index of a universe yet" if not index else "nothing is known yet",
            where=shown(FIGURES),
            fix="./fx bench-universe --json FILE, then ./fx capacity --universe FILE",
        )
    if not options.known:
        units = measure_units(lambda what: log.info("measuring: %s", what))
        known |= {"units": asdict(units), "machine": machine()._asdict()}
    known["universe"] = index
    text = text_of(known, question)
    if options.docs:
        write_text(FIGURES, json.dumps(known, indent=1) + "\n")
        write_text(PAGE, text)
        out.print(f"written: {shown(FIGURES)}, {shown(PAGE)}")
    else:
        out.print(text, markup=False)
    return 0


def question_of(options: Any) -> Question:
    """What is asked; a trial is as long as the studies say."""
    budget = yaml.safe_load(STUDY.read_text())["budget"]
    names = ("symbols", "sessions", "active", "kept", "trials", "cores", "core_hour", "gb_month")
    asked = {name: getattr(options, name) for name in names}
    if min(asked.values()) < 0 or asked["cores"] < 1 or asked["symbols"] * asked["sessions"] < 1:
        raise ConfigError("sizes and prices are not negative, and somebody must work", fix="./fx capacity --help")
    days = budget["evaluations"] * VALIDATION_DAYS
    return Question(**asked, trial_steps=budget["steps"], trial_days=days)


def text_of(figures: dict[str, Any], question: Question) -> str:
    """The page from figures as they are stored."""
    measured = [Indexed(**each) for each in figures["universe"]]
    return page(question, Units(**figures["units"]), Machine(**figures["machine"]), measured)


if __name__ == "__main__":
    sys.exit(exit_code(run))
