"""Would it have worked, trained anew every few days? Rolling folds of sessions, several seeds each.

./fx walk-forward [--config demo] [--folds N] [--seeds N] [--quick] [--fresh] [--docs] [key=value ...]

Every fold trains on its training sessions, chooses by validation and trades its test sessions once, beside the
baselines. Trainings that were finished before are taken as they are, one that was interrupted goes on: after Ctrl-C the
same command carries on. Writes walk_forward.html, .json, .csv and .parquet into the folder of the run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent.backtest_days import Found
from agent.report import verdict_lines
from agent.statistics.verdict import judge
from config.compose import load_config
from config.schema import Config
from scripts.command import Parser, exit_code
from scripts.output import out
from scripts.pipeline import Market, open_market
from scripts.runs import run_folder
from scripts.seed_results import HeldOut
from scripts.seed_runs import seed_runs
from scripts.walk_forward.figures import figures, tries_of
from scripts.walk_forward.folds import Fold, open_folds, told
from scripts.walk_forward.page import html_page, write_docs
from scripts.walk_forward.progress import WalkProgress
from scripts.walk_forward.report import NAME, Result, interval_table, sentences, terminal_table, write_tables
from scripts.walk_forward.results import Cell, Grid, tested
from utils.atomic import write_text
from utils.errors import ConfigError
from utils.logger import get_logger, setup_logging
from utils.paths import shown

ALWAYS = ("models=cache/walk_forward", "training.time_limit_s=0", "explain.every=0")
"""A limit of time would make the result depend on the machine; nobody looks at what each of them goes by."""
QUICK = (
    "walk_forward.folds=2",
    "walk_forward.seeds=1",
    "env.decision_interval_s=20",
    "model.hold_bias=-2",
    "training.lanes=16",
    "training.n_steps=64",
    "training.batch_size=256",
    "training.total_steps=8192",
    "training.evaluate_every=4",
    "backtest.random_draws=20",
    "backtest.bootstrap_draws=500",
)
"""With --quick: does it run? The figures mean nothing; the bias makes what has learned nothing trade all the same."""
STOPPED = "Stopped. What was trained is kept: the same command goes on from there."
log = get_logger(__name__)


def parser() -> Parser:
    """The command line."""
    made = Parser("./fx walk-forward", __doc__)
    made.add_argument("--config", default="demo", help="configuration to train (default: demo)")
    made.add_argument("--folds", metavar="N", help="the latest N folds: walk_forward.folds")
    made.add_argument("--seeds", metavar="N", help="trainings per fold: walk_forward.seeds")
    made.add_argument("--quick", action="store_true", help="two folds, one seed, short trainings: does it run?")
    made.add_argument("--fresh", action="store_true", help="train anew what was trained before")
    made.add_argument("--docs", action="store_true", help="write docs/walk_forward.md and its picture")
    return made


def composed(options: argparse.Namespace, words: Sequence[str]) -> Config:
    """The configuration: ours, then --quick's, then what was asked for. Raises ConfigError."""
    asked = [f"walk_forward.{key}={value}" for key in ("folds", "seeds") if (value := getattr(options, key))]
    return load_config(options.config, [*ALWAYS, *(QUICK if options.quick else ()), *asked, *words])


def walk(config: Config, folds: Sequence[Fold], *, fresh: bool) -> Grid:
    """Train and test every fold with every seed. Raises KeyboardInterrupt when a training is stopped."""
    seeds = config.walk_forward.seeds
    progress = WalkProgress(len(folds), seeds)
    cells: list[Cell] = []
    for fold in folds:
        log.info("%s", told(fold))
        held = HeldOut(fold.config, fold.market)
        progress.begin(fold)
        for run in seed_runs(fold.config, fold.market, seeds, fresh=fresh):
            cells.append(tested(fold.number, held, run))
            log.info("fold %d, seed %d: %+.2f $ net per session", fold.number, run.config.seed, cells[-1].mean)
            progress.done(fold, reused=run.reused)
    return Grid(tuple(cells))


def judged(config: Config, market: Market, folds: Sequence[Fold], grid: Grid, *, quick: bool) -> Result:
    """What the cells come to."""
    splits = [fold.split for fold in folds]
    tries = tries_of(config, splits, len(grid.dates))
    found = figures(grid, tries, config.backtest.bootstrap_draws, config.seed)
    synthetic, oracle_selected = market.synthetic, Found(config.backtest.days) is Found.ORACLE
    return Result(
        grid=grid,
        splits=splits,
        figures=found,
        verdict=judge(found.evaluation, oracle_selected=oracle_selected, synthetic=synthetic),
        facts=_facts(config, folds, synthetic=synthetic),
        synthetic=synthetic,
        oracle_selected=oracle_selected,
        quick=quick,
    )


def _facts(config: Config, folds: Sequence[Fold], *, synthetic: bool) -> dict[str, str]:
    lengths, training = config.walk_forward, config.training
    left_out = ", ".join(str(fold.left_out) for fold in folds)
    return {
        "configuration": config.name,
        "market": "synthetic" if synthetic else "real days",
        "folds": f"{lengths.train_sessions}{' and more' if lengths.expanding else ''} training, "
        f"{lengths.validation_sessions} validation, {lengths.test_sessions} test sessions; "
        f"{lengths.embargo_sessions} left out between them; {lengths.step_sessions} from fold to fold",
        "days left out by fold": f"{left_out}: within {lengths.same_symbol_sessions} sessions before a held-out day of "
        "the same symbol",
        "training": f"{training.total_steps:,} steps each, validated every "
        f"{training.evaluate_every * training.lanes * training.n_steps:,}"
        if training.evaluate_every
        else f"{training.total_steps:,} steps each",
        "days traded": f"backtest.days={config.backtest.days}",
        "capital": f"{config.simulation.account.capital:,.0f} $ per day",
    }


def tell(result: Result, folder: Path) -> None:
    """Print the result and write it to the folder of the run."""
    write_tables(result, folder)
    write_text(folder / f"{NAME}.html", html_page(result))
    out.print(terminal_table(result))
    out.print(interval_table(result.figures))
    out.print(verdict_lines(result.verdict))
    out.print("\n".join(sentences(result)))
    out.print(f"page: {shown(folder / f'{NAME}.html')}")


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, words = parser().read(arguments)
    if options.docs and options.quick:
        raise ConfigError("--docs needs the whole run", where="the command line", fix="leave --quick out")
    config = composed(options, words)
    with run_folder(replace(config, name="walk-forward")) as folder:
        market = open_market(config)
        folds = open_folds(config, market)
        grid = walk(config, folds, fresh=options.fresh)
        result = judged(config, market, folds, grid, quick=options.quick)
        result = result._replace(facts={"command": " ".join(["./fx walk-forward", *arguments]), **result.facts})
        tell(result, folder)
    if options.docs:
        out.print(f"written: {shown(write_docs(result))}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0; 2 and a message for mistakes in the input; 130 after Ctrl-C."""
    setup_logging()
    return exit_code(run, arguments, stopped=STOPPED)


if __name__ == "__main__":
    sys.exit(main())
