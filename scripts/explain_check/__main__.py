"""`./fx explain-check`: do explanations find what was planted?

python -m scripts.explain_check [--seeds N] [--json FILE] [--docs] [key=value ...]

Trains real agents on a toy market of noise in which three features matter, each so many rows back, while others never
vary or are cut off from the network; then explains them, three checks running. A minute or two a seed. Ends with 1 if
an answer is not what was asked. --docs writes the table of docs/attribution.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from config.compose import load_config
from scripts.audit.report import Figure, Report, Table, as_markdown, at_most, conclude, show
from scripts.command import Parser, exit_code
from scripts.explain_check.market import DEAD, LAGS
from scripts.explain_check.trial import Areas, Trial, trial
from scripts.output import out
from utils.atomic import write_text
from utils.errors import ConfigError
from utils.logger import setup_logging
from utils.paths import ROOT

BASE = "explain_check"
SEEDS = 5
COMPLETE, AGREES = 0.01, 0.85
"""Asked: what attributions may miss, and the rank correlation with Shapley sampling."""
PAGE = ROOT / "docs" / "attribution.md"
MARKS = ("<!-- ./fx explain-check --docs: from here -->\n", "<!-- to here -->\n")


def parser() -> Parser:
    """The command line."""
    made = Parser("./fx explain-check", __doc__)
    made.add_argument("--seeds", metavar="N", type=int, default=SEEDS, help=f"seeds 0 to N - 1 (default: {SEEDS})")
    made.add_argument("--json", metavar="FILE", type=Path, help="write the figures, one object a line")
    made.add_argument("--docs", action="store_true", help="write the table of docs/attribution.md")
    return made


def judged(trials: Sequence[Trial]) -> Report:
    """What was asked of all seeds together, and what each of them came to."""
    seeds = len(trials)
    found = [len(DEAD) - len(one.missed) for one in trials]
    called = [count + len(one.false_alarms) for count, one in zip(found, trials, strict=True)]
    precision = sum(found) / max(sum(called), 1)
    recall = sum(found) / (len(DEAD) * seeds)
    deltas = np.concatenate([one.deltas for one in trials])
    areas = [Areas.of(curve) for one in trials if (curve := one.explanation.curve)]
    deletion, random_deletion, insertion, random_insertion = np.mean(areas, axis=0)
    right_lags = sum(one.lags == LAGS for one in trials)
    figures = [
        _all("the three planted features are the first three", sum(one.first_three for one in trials), seeds),
        _all("they are found at their lags", right_lags, seeds),
        Figure("dead features: precision", f"{precision:.2f}", "1", precision == 1),
        Figure("dead features: recall", f"{recall:.2f}", "1", recall == 1),
        _all("exactly the planted pair is redundant", sum(one.twins_found for one in trials), seeds),
        at_most("completeness, worst decision", 100 * float(deltas.max()), 100 * COMPLETE, "%"),
        at_most("completeness, 99th percentile", 100 * float(np.quantile(deltas, 0.99)), 100 * COMPLETE, "%"),
        _least("rank correlation with Shapley sampling, worst seed", min(one.shapley for one in trials), AGREES),
        _least("with SHAP from the same baseline, worst seed", min(one.same_shap for one in trials), AGREES),
        Figure("with SHAP from other decisions, mean", f"{_mean(trials, 'agreement'):.2f}", "-", None),
        Figure("with random weights, mean", f"{_mean(trials, 'randomised'):+.2f}", "-", None),
        Figure(
            "area of deletion", f"{deletion:.2f}", f"< {random_deletion:.2f}, random", bool(deletion < random_deletion)
        ),
        Figure(
            "area of insertion",
            f"{insertion:.2f}",
            f"> {random_insertion:.2f}, random",
            bool(insertion > random_insertion),
        ),
    ]
    return Report(figures, [_by_seed(trials)])


def _all(name: str, count: int, seeds: int) -> Figure:
    return Figure(name, f"{count} of {seeds}", f"{seeds} of {seeds}", count == seeds)


def _least(name: str, value: float, least: float) -> Figure:
    return Figure(name, f"{value:.2f}", f">= {least:g}", bool(value >= least))


def _mean(trials: Sequence[Trial], name: str) -> float:
    return float(np.mean([getattr(one.explanation, name) for one in trials]))


def _by_seed(trials: Sequence[Trial]) -> Table:
    head = [
        "seed",
        "reward",
        "planted",
        "next",
        "lags",
        "missed",
        "false alarms",
        "completeness",
        "Shapley",
    ]
    rows: list[list[str]] = []
    for one in trials:
        planted = sum(use.action for use in one.explanation.features if use.name in LAGS)
        others = (use for use in one.explanation.features if use.name not in LAGS)
        following = max(others, key=lambda use: use.action)
        rows.append(
            [
                str(one.seed),
                f"{one.reward:.2f}",
                f"{planted:.0%}",
                f"{following.name} {following.action:.1%}",
                ", ".join(f"{lag}" for lag in one.lags.values()),
                ", ".join(one.missed) or "none",
                ", ".join(one.false_alarms) or "none",
                f"{100 * one.deltas.max():.2g} %",
                f"{one.shapley:.2f}",
            ]
        )
    where = ", ".join(f"{name} {lag}" for name, lag in LAGS.items())
    note = (
        f"Planted: {where} rows back; dead: {', '.join(sorted(DEAD))}. Reward: 1.38 is what knowing them earns. "
        "Planted, next: share of the action's attribution of the three together, and of the strongest other feature."
    )
    return Table("by seed", note, head, rows)


def with_table(page: str, report: Report) -> str:
    """`page` with the report between its marks."""
    before, _, rest = page.partition(MARKS[0])
    return before + MARKS[0] + as_markdown(report) + MARKS[1] + rest.partition(MARKS[1])[2]


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, words = parser().read(arguments)
    if options.seeds < 1:
        raise ConfigError(f"--seeds {options.seeds} is no number of trainings", where="--seeds", fix="1 or more")
    config = load_config(BASE, words)
    trials: list[Trial] = []
    for seed in range(options.seeds):
        trials.append(trial(config, seed))
        out.print(f"seed {seed}: {trials[-1].seconds:,.0f} s")
    report = judged(trials)
    show("explanations of a toy market", report)
    if options.docs:
        write_text(PAGE, with_table(PAGE.read_text(), report))
    return conclude({"explain": report}, options.json)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 if an explanation is not what was asked, 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
