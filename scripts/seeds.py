"""Does a training configuration work, or was one seed lucky? Train and backtest it with several seeds.

`python -m scripts.seeds [--config demo] [--seeds 3] [key=value ...]` prints mean net P&L per held-out day of every seed
beside its baselines, and ends with 1 unless the agent is above all of them with every seed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NamedTuple

from rich.table import Table

from config.compose import load_config
from scripts.backtesting import compare_model
from scripts.command import Parser, exit_code
from scripts.pipeline import Market, open_market, out
from scripts.seed_runs import SeedRun, add_seeds, seed_runs
from utils.logger import setup_logging

BEATEN = 0
NOT_BEATEN = 1


class SeedResult(NamedTuple):
    """Mean net dollars per held-out day."""

    seed: int
    days: int
    agent: float
    baselines: dict[str, float]

    @property
    def beats_all(self) -> bool:
        """Whether the agent is above every baseline."""
        return self.agent > max(self.baselines.values())


def judged(run: SeedRun, market: Market) -> SeedResult:
    """Trade the held-out days with the trained model."""
    result = compare_model(run.config, market, run.version).result
    return SeedResult(
        run.config.seed,
        len(result.days),
        float(result.policy.pnl.mean()),
        {name: float(pnl.mean()) for name, pnl in result.baseline_pnl.items()},
    )


def table(results: list[SeedResult]) -> Table:
    """One row per seed."""
    names = [name.replace("_", " ") for name in results[0].baselines]
    shown = Table("seed", "days", "agent", *names, "above all", title="net $ per held-out day")
    for r in results:
        money = (f"{value:+,.2f}" for value in (r.agent, *r.baselines.values()))
        shown.add_row(str(r.seed), str(r.days), *money, "yes" if r.beats_all else "no")
    return shown


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    parser = Parser("./fx seeds", __doc__)
    parser.add_argument("--config", default="demo", help="configuration to train (default: demo)")
    add_seeds(parser)
    options, words = parser.read(arguments)
    config = load_config(options.config, ["models=cache/seeds/models", *words])
    market = open_market(config)
    results = [judged(done, market) for done in seed_runs(config, market, options.seeds)]
    out.print(table(results))
    return BEATEN if all(r.beats_all for r in results) else NOT_BEATEN


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0: above all baselines with every seed; 1: not; 2: wrong input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
