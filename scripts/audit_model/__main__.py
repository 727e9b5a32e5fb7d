"""`./fx audit`: would a trader put money on this model?

python -m scripts.audit_model [MODEL] [--only NAME] [--quick] [--seeds N] [--fresh] [--docs] [key=value ...]

Attacks a registered model (default: best) under its own configuration, and ends with a verdict and its reasons:
audit.json and audit.html in the folder of the run. What was finished before is taken over: after Ctrl-C the same
command goes on. Ends with 1 if a figure is not what was asked.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from scripts.audit.report import FAILED, PASSED, out, show
from scripts.audit_model.kept import Kept
from scripts.audit_model.page import html_page, write_docs
from scripts.audit_model.registry import CHECKS, Answer, Check
from scripts.audit_model.subject import QUICK_SEEDS, SEEDS, Options, Subject
from scripts.audit_model.verdict import Verdict, plain_verdict, verdict_of
from scripts.command import Parser, exit_code
from scripts.runs import run_folder
from scripts.seed_runs import add_seeds
from utils.atomic import write_text
from utils.errors import ConfigError
from utils.logger import get_logger, setup_logging
from utils.paths import shown

BEST = "best"
RESULT, PAGE = "audit.json", "audit.html"
MARKS = {True: "[green]+[/]", False: "[bold red]-[/]", None: "[yellow]?[/]"}
log = get_logger(__name__)


def parser() -> Parser:
    """The command line."""
    names = "\n".join(f"  {one.name:<18} {one.about}" for one in chosen([]))
    made = Parser("./fx audit", __doc__, options="[MODEL] [options]", more=f"checks:\n{names}")
    made.add_argument("--only", metavar="NAME", action="append", default=[], help="one check; repeatable")
    made.add_argument("--quick", action="store_true", help="fewer days and seeds, short trainings: does it run?")
    add_seeds(made, SEEDS, QUICK_SEEDS)
    made.add_argument("--json", metavar="FILE", type=Path, help=f"write {RESULT} there as well")
    made.add_argument("--docs", action="store_true", help="write docs/audit.md")
    return made


def chosen(only: Sequence[str]) -> list[Check]:
    """The checks of those names, or all, in order. Raises ConfigError for a name that does not exist."""
    found = [CHECKS.get(name) for name in only] or list(CHECKS.all().values())
    return sorted(found, key=lambda check: (check.order, check.name))


def asked(arguments: Sequence[str]) -> tuple[argparse.Namespace, str, list[str]]:
    """Options, model and `key=value` words. Raises ConfigError for wrong ones."""
    options, rest = parser().read(arguments)
    models = [word for word in rest if "=" not in word]
    if len(models) > 1:
        raise ConfigError(
            f"{' and '.join(models)} are {len(models)} models", where="the command line", fix="audit one at a time"
        )
    if options.docs and options.only:
        raise ConfigError("--docs needs every check", where="--only", fix="leave --only out")
    return options, models[0] if models else BEST, [word for word in rest if "=" in word]


def answered(checks: Sequence[Check], subject: Subject) -> dict[str, Answer]:
    """Ask each check, or take what it answered before; shows it."""
    kept = Kept(subject)
    answers: dict[str, Answer] = {}
    for number, check in enumerate(checks, 1):
        start = time.monotonic()
        answer = None if subject.options.fresh else kept.load(check)
        known = answer is not None
        log.info("%d of %d: %s", number, len(checks), f"{check.name} is known" if known else check.about)
        if answer is None:
            answer = check.run(subject)
            kept.save(check, answer)
            log.info("%s: %.0f s", check.name, time.monotonic() - start)
        answers[check.name] = answer
        show(f"{check.name}: {check.about}", answer.report)
    return answers


def tell(subject: Subject, verdict: Verdict) -> None:
    """Print the verdict and its reasons."""
    out.rule(f"{subject.name}: {'passed' if verdict.passed else 'FAILED'}")
    out.print(f"[bold]{escape(verdict.sentence)}[/]")
    for reason in verdict.reasons:
        out.print(f" {MARKS[reason.good]} {escape(reason.text)}")


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, model, words = asked(arguments)
    checks = chosen(options.only)
    seeds = options.seeds or (QUICK_SEEDS if options.quick else SEEDS)
    subject = Subject(model, words, Options(options.quick, seeds, options.fresh))
    with run_folder(subject.config) as folder:
        answers = answered(checks, subject)
        synthetic = subject.market.synthetic
        verdict = verdict_of(answers, synthetic=synthetic, quick=options.quick)
        told = json.dumps(plain_verdict(subject.name, verdict, answers, subject.facts), indent=1)
        for file in (folder / RESULT, options.json):
            if file is not None:
                write_text(file, told)
        write_text(folder / PAGE, html_page(subject, verdict, answers))
    tell(subject, verdict)
    out.print(f"page: {shown(folder / PAGE)}")
    if options.docs:
        write_docs(subject, verdict, answers)
    return PASSED if verdict.passed else FAILED


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 if it passed, 1 if not, 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments, stopped="Stopped. What was finished is kept: the same command goes on.")


if __name__ == "__main__":
    sys.exit(main())
