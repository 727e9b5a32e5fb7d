"""Does a training configuration work, or was one seed lucky? Train and backtest it with several seeds.

`python -m scripts.seeds [--config demo] [--seeds 3] [key=value ...]` prints mean net P&L per held-out day of every seed
beside its baselines, and ends with 1 unless the agent is above all of them with every seed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from rich.table import Table

from config.compose import load_config
from config.schema import Config
from scripts.backtesting import compare_model
from scripts.command import Parser, exit_code
from scripts.pipeline import open_market, out
from scripts.runs import run_folder
from scripts.training import train_model
from utils.logger import setup_logging

BEATEN = 0
NOT_BEATEN = 1


class SeedResult(NamedTuple):
    """Mean net dollars per held-out day."""

    seed: int
    days: int
    agent: float
    cash: float
    hold: float
    random: float

    @property
    def beats_all(self) -> bool:
        """Whether the agent is above every baseline."""
        return self.agent > max(self.cash, self.hold, self.random)


def run_seed(config: Config) -> SeedResult:
    """Train with `config.seed` and trade the held-out days."""
    with run_folder(config) as folder:
        market = open_market(config)
        trained = train_model(config, market, folder)
        if trained.interrupted:
            raise KeyboardInterrupt
        result = compare_model(config, market, trained.version).result
    return SeedResult(
        config.seed,
        len(result.days),
        float(result.policy.pnl.mean()),
        float(result.cash.pnl.mean()),
        float(result.hold.pnl.mean()),
        float(result.random_pnl.mean()),
    )


def table(results: list[SeedResult]) -> Table:
    """One row per seed."""
    shown = Table(
        "seed", "days", "agent", "cash", "buy and hold", "random", "above all", title="net $ per held-out day"
    )
    for r in results:
        money = (f"{value:+,.2f}" for value in (r.agent, r.cash, r.hold, r.random))
        shown.add_row(str(r.seed), str(r.days), *money, "yes" if r.beats_all else "no")
    return shown


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    parser = Parser("./fx seeds", __doc__)
    parser.add_argument("--config", default="demo", help="configuration to train (default: demo)")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 to N - 1 (default: 3)")
    options, words = parser.read(arguments)
    config = load_config(options.config, ["models=cache/seeds/models", *words])
    results = [run_seed(replace(config, seed=seed)) for seed in range(options.seeds)]
    out.print(table(results))
    return BEATEN if all(r.beats_all for r in results) else NOT_BEATEN


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: above all baselines with every seed; 1: not; 2: wrong input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
