"""Is the curriculum worth it? The same training with it and with uniform starts, learning curves over several seeds.

`python -m scripts.curriculum_ablation [--seeds 3] [--quick] [--out docs] [key=value ...]` writes curriculum.svg and
curriculum.md, whatever the result. Both arms take the same steps on the same days; only what they are dealt differs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from config.compose import load_config
from config.schema import Config
from metrics import registry as names
from scripts.ablation import Curve, curves_svg, parser, publish
from scripts.command import exit_code
from scripts.curriculum_page import page
from scripts.pipeline import Market, open_market
from scripts.seed_runs import seed_runs
from utils.errors import ConfigError
from utils.logger import setup_logging
from utils.markdown import markdown

ARMS = {"curriculum": "momentum_training", "uniform starts": "uniform"}
"""What is compared: options of config/curriculum."""
COLOURS = {"curriculum": "#2563eb", "uniform starts": "#b45309"}
QUICK = ("training.total_steps=4096", "training.evaluate_every=1")
"""With --quick: does it run? The figures mean nothing."""


class Arm(NamedTuple):
    """Learning curves of one arm."""

    name: str
    steps: npt.NDArray[np.int64]  # [points]
    pnl: npt.NDArray[np.float64]  # [seeds, points] validation net dollars per day

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """Over the seeds [points]."""
        return self.pnl.mean(axis=0)


def run_arm(name: str, config: Config, market: Market, seeds: int, *, fresh: bool) -> Arm:
    """Train with so many seeds. Raises ConfigError if no validation score was ever taken."""
    curves = [_curve(done.folder) for done in seed_runs(config, market, seeds, fresh=fresh)]
    if not len(curves[0][0]):
        raise ConfigError(
            "no validation score was taken",
            where=f"training.evaluate_every is {config.training.evaluate_every}, split.validation is "
            f"{config.split.validation}",
            fix="training.evaluate_every=1, or more days",
        )
    return Arm(name, curves[0][0], np.array([pnl for _, pnl in curves]))


def _curve(folder: Path) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Steps and validation scores [points] of a training run."""
    rows = pl.read_csv(folder / "metrics.csv")
    if names.VALIDATION_PNL.name not in rows.columns:
        return np.zeros(0, np.int64), np.zeros(0)
    rows = rows.drop_nulls(names.VALIDATION_PNL.name)
    steps = rows[names.VALIDATION_STEP.name].cast(pl.Int64).to_numpy()
    return steps, rows[names.VALIDATION_PNL.name].to_numpy()


def picture(arms: Sequence[Arm]) -> str:
    """Mean and range over the seeds by steps, as SVG; the same numbers give the same text."""

    curves = (
        Curve(arm.name, COLOURS[arm.name], arm.steps, arm.mean, arm.pnl.min(axis=0), arm.pnl.max(axis=0))
        for arm in arms
    )
    title = f"Mean and range over {len(arms[0].pnl)} seeds"
    return curves_svg(curves, "curriculum", title=title, label="validation net P&L, $ per day", marker="o")


def table(arms: Sequence[Arm]) -> str:
    """Scores by steps, mean (lowest to highest seed), one column per arm, as markdown; last row: over all points."""
    points = enumerate(arms[0].steps.tolist())
    rows = [[f"{steps:,}", *(_spread(arm.pnl[:, point]) for arm in arms)] for point, steps in points]
    rows.append(["mean of the curve", *(_spread(arm.pnl.mean(axis=1)) for arm in arms)])
    return markdown(["steps", *(arm.name for arm in arms)], rows)


def _spread(values: npt.NDArray[np.float64]) -> str:
    return f"{values.mean():+,.2f} ({values.min():+,.2f} to {values.max():+,.2f})"


def verdict(arms: Sequence[Arm]) -> str:
    """The result in two sentences, and how much of it is a policy that did not trade."""
    ours, other = arms
    last, whole = ours.mean[-1] - other.mean[-1], ours.mean.mean() - other.mean.mean()
    apart = ours.pnl[:, -1].min() > other.pnl[:, -1].max() or ours.pnl[:, -1].max() < other.pnl[:, -1].min()
    scores = np.concatenate([arm.pnl.ravel() for arm in arms])
    idle = int((scores == 0.0).sum())
    silent = f" {idle} of {len(scores)} scores are exactly 0: there the policy, which takes its likeliest action in "
    silent += "validation, did not trade, and the two cannot be told apart."
    return (
        f"After {ours.steps[-1]:,} steps the {ours.name} is {abs(last):,.2f} $ per day {_side(last)} {other.name}, "
        f"over the whole curve {abs(whole):,.2f} $ {_side(whole)}. At the end the seeds of the two "
        + ("do not overlap." if apart else f"overlap: with {len(ours.pnl)} seeds that is no proof either way.")
        + (silent if idle else "")
    )


def _side(difference: float) -> str:
    return "above" if difference >= 0 else "below"


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, overrides = parser("curriculum-ablation", __doc__, seeds=3).read(arguments)
    words = [*(QUICK if options.quick else ()), *overrides]
    configs = {arm: load_config("curriculum_ablation", [*words, f"curriculum={c}"]) for arm, c in ARMS.items()}
    market = open_market(configs["curriculum"])
    arms = [run_arm(arm, config, market, options.seeds, fresh=options.fresh) for arm, config in configs.items()]
    result, told = table(arms), verdict(arms)
    publish(options.out, "curriculum", page(result, told, options.seeds), picture(arms), f"{result}\n{told}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
