"""Do the training engine's shortcuts hurt learning? The same training with and without each of them, several seeds.

`python -m scripts.engine_ablation [--seeds 5] [--quick] [--out docs] [key=value ...]` writes engine_ablation.svg and
engine_ablation.md, whatever the result. All arms take the same steps on the same days.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from agent.checkpoint import weights_of
from agent.statistics.intervals import Interval
from agent.statistics.seeds import Scores, iqm_interval, overlap
from agent.trials import VALIDATION
from config.compose import load_config
from config.schema import Config
from metrics import registry as names
from scripts.ablation import Curve, curves_svg, parser, publish
from scripts.command import exit_code
from scripts.engine_ablation_page import page
from scripts.output import out
from scripts.pipeline import Market, open_market
from scripts.seed_runs import SeedRun, seed_runs
from scripts.trials import trial_ledger
from utils.logger import setup_logging
from utils.markdown import markdown
from utils.paths import anchored

SHORTCUTS = ("training.block_rows=60", "training.advantage_norm=rollout")
ARMS = {
    "engine": SHORTCUTS,
    "full shuffle": (*SHORTCUTS, "training.block_rows=1"),
    "normalised by minibatch": (*SHORTCUTS, "training.advantage_norm=batch"),
}
"""Overrides by arm: the engine as it is, then without one shortcut each."""
COLOURS = {"engine": "#2563eb", "full shuffle": "#b45309", "normalised by minibatch": "#0f766e"}
QUICK = ("training.total_steps=16384",)
"""With --quick: does it run? The figures mean nothing."""
LAST = 0.25
"""Share of a training over which its reward is averaged."""
DRAWS = 2_000
SEED = 0


class Arm(NamedTuple):
    """What the trainings of one arm came to, a row each."""

    name: str
    steps: npt.NDArray[np.int64]  # [rollouts]
    reward: Scores  # [seeds, rollouts] mean per step
    pnl: Scores  # [seeds, sessions] validation, dollars; no sessions where there are none
    seconds: float  # a training, the shortest of them

    @property
    def learnt(self) -> Interval:
        """Reward per step over the last part of training."""
        count = max(1, round(LAST * len(self.steps)))
        return iqm_interval(self.reward[:, -count:].mean(axis=1, keepdims=True), DRAWS, SEED)

    @property
    def validated(self) -> Interval | None:
        """Net dollars per validation session; sessions are the tasks."""
        return iqm_interval(self.pnl, DRAWS, SEED) if self.pnl.shape[1] else None

    def curve(self) -> list[Interval]:
        """Reward per step by rollout."""
        return [iqm_interval(rewards[:, None], DRAWS, SEED) for rewards in self.reward.T]


def run_arm(name: str, config: Config, market: Market, seeds: int, *, fresh: bool) -> Arm:
    """Train with so many seeds."""
    steps = np.zeros(0, np.int64)
    rewards: list[npt.NDArray[np.float64]] = []
    pnl: list[tuple[float, ...]] = []
    seconds: list[float] = []
    began = time.perf_counter()
    for done in seed_runs(config, market, seeds, fresh=fresh):
        rows = pl.read_csv(done.folder / "metrics.csv").drop_nulls(names.REWARD.name)
        steps = rows[names.STEP].to_numpy()
        rewards.append(rows[names.REWARD.name].to_numpy())
        seconds.append(float(rows[names.ELAPSED_S.name].to_numpy()[-1]))
        pnl.append(_validated(done, market))
    out.print(f"{name}: {len(rewards)} trainings in {time.perf_counter() - began:,.0f} s")
    return Arm(name, steps, np.array(rewards), np.array(pnl, np.float64).reshape(seeds, -1), min(seconds))


def _validated(done: SeedRun, market: Market) -> tuple[float, ...]:
    """Dollars by validation session, as noted when the model was scored."""
    model = anchored(done.config.models) / done.version
    weights = weights_of(model)
    trials = trial_ledger(done.config, market.split.hash).read()
    return next((t.pnl for t in reversed(trials) if (t.kind, t.weights) == (VALIDATION, weights)), ())


def table(arms: Sequence[Arm]) -> str:
    """One row an arm, as markdown."""
    head = ["arm", "reward per step", "validation, $ per session", "seconds a training"]
    rows = [[a.name, a.learnt.text("+.5f"), _dollars(a.validated), f"{a.seconds:,.0f}"] for a in arms]
    return markdown(head, rows)


def _dollars(interval: Interval | None) -> str:
    return "-" if interval is None else interval.text()


def verdict(arms: Sequence[Arm]) -> str:
    """Where the intervals of the engine and of each other arm overlap, and where not."""
    engine, *others = arms
    sentences: list[str] = []
    for other in others:
        pairs = {"reward": (engine.learnt, other.learnt), "validation": (engine.validated, other.validated)}
        apart = [
            f"{what} ({'better' if a.value > b.value else 'worse'} with the engine)"
            for what, (a, b) in pairs.items()
            if a is not None and b is not None and not overlap(a, b)
        ]
        sentences.append(f"{other.name}: " + (f"apart in {' and '.join(apart)}" if apart else "intervals overlap"))
    idle = int(sum((arm.pnl == 0).all(axis=1).sum() for arm in arms if arm.pnl.shape[1]))
    silent = f" {idle} policies did not trade in validation." if idle else ""
    return f"Engine against {'; against '.join(sentences)}.{silent}"


def picture(arms: Sequence[Arm]) -> str:
    """Learning curves with their intervals, as SVG; the same numbers give the same text."""

    curves = (
        Curve(arm.name, COLOURS[arm.name], arm.steps, *zip(*arm.curve(), strict=True))  # value, low, high
        for arm in arms
    )
    title = f"Interquartile mean over {len(arms[0].reward)} seeds, 95 % intervals"
    return curves_svg(curves, "engine_ablation", title=title, label="reward per step")


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    options, overrides = parser("engine-ablation", __doc__, seeds=5).read(arguments)
    words = [*(QUICK if options.quick else ()), *overrides]
    configs = {name: load_config("engine_ablation", [*words, *arm]) for name, arm in ARMS.items()}
    market = open_market(configs["engine"])
    arms = [run_arm(name, config, market, options.seeds, fresh=options.fresh) for name, config in configs.items()]
    result, told = table(arms), verdict(arms)
    text = page(result, told, seeds=options.seeds, steps=configs["engine"].training.total_steps)
    publish(options.out, "engine_ablation", text, picture(arms), f"{result}\n{told}")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes in the input."""
    setup_logging()
    return exit_code(run, arguments)


if __name__ == "__main__":
    sys.exit(main())
