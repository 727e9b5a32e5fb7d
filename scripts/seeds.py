"""Does a training configuration work, or was one seed lucky? Train and backtest it with several seeds.

`python -m scripts.seeds [--config demo] [--seeds 3] [--fresh] [key=value ...]` prints mean net P&L per held-out session
of every seed beside its baselines, then all seeds together with intervals. Trainings that were finished before are
taken as they are, one that was interrupted goes on. Ends with 1 unless the agent is above all baselines with each seed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.table import Table

from config.compose import load_config
from scripts.command import Parser, exit_code
from scripts.output import out
from scripts.pipeline import open_market
from scripts.seed_results import HeldOut, Pooled, SeedResult, pooled
from scripts.seed_runs import add_seeds, seed_runs
from utils.logger import setup_logging

BEATEN = 0
NOT_BEATEN = 1


def table(results: Sequence[SeedResult]) -> Table:
    """One row per seed."""
    names = [name.replace("_", " ") for name in results[0].baselines]
    shown = Table("seed", "days", "agent", *names, "above all", title="net $ per held-out session")
    for r in results:
        money = (f"{pnl.mean():+,.2f}" for pnl in (r.agent, *r.baselines.values()))
        shown.add_row(str(r.seed), str(r.days), *money, "yes" if r.beats_all else "no")
    return shown


def pooled_table(figures: dict[str, Pooled]) -> Table:
    """One row for the agent, and one for its lead over each baseline."""
    head = ("", "mean per session, over sessions", "interquartile mean, over seeds")
    shown = Table(*head, title="all seeds, net $ per held-out session")
    for name, figure in figures.items():
        shown.add_row(name, figure.mean.text(), figure.iqm.text())
    return shown


def seeds_parser() -> Parser:
    """The options."""
    parser = Parser("./fx seeds", __doc__)
    parser.add_argument("--config", default="demo", help="configuration to train (default: demo)")
    add_seeds(parser)
    return parser


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, words = seeds_parser().read(arguments)
    config = load_config(options.config, ["models=cache/seeds/models", *words])
    market = open_market(config)
    held_out = HeldOut(config, market)
    results = [held_out.judged(done) for done in seed_runs(config, market, options.seeds, fresh=options.fresh)]
    out.print(table(results))
    out.print(pooled_table(pooled(results, config.backtest.bootstrap_draws, config.seed)))
    return BEATEN if all(r.beats_all for r in results) else NOT_BEATEN


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: above all baselines with every seed; 1: not; 2: wrong input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
