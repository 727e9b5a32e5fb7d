"""docs/engine.md and docs/engine.svg: the design of the training engine in words, how it scales in figures."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.bench.scaling import AXES, HEAD, THREADS, Point
from scripts.bench.training_run import DISTINCT_DAYS, EPOCHS, GEMM
from scripts.docs import FOLDER
from scripts.svg import svg_text
from simulators.layout import ACTIONS, Portfolio
from utils.atomic import write_text
from utils.markdown import markdown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE, PICTURE = FOLDER / "engine.md", FOLDER / "engine.svg"
LABELS = {
    "lanes": "lanes",
    "d_model": "width of the network (d_model)",
    "window": "seconds looked at (hf_band)",
    "days": "days in the bank",
}
LINES = {"rollout": "#2563eb", "update": "#b45309", f"training, {EPOCHS} passes": "#0f766e"}

TEXT = """<!-- Measured by `./fx bench --only scaling --docs`; the text is in scripts/bench/engine_page.py. -->

# The training engine

The market's past is the same for every agent that looks at it. So a step of a rollout is not the windows that were
seen but their place, `(day, second)`, and the portfolio; and what the network makes of a second is worked out once,
whoever looks.

## One step of a rollout

1. `LaneVecEnv` (`agent/vec_env.py`) shows all lanes at once: `index` [N, 2], `portfolio` [N, {portfolio}], masks [N,
   {actions}]. Every lane has its own clock: lanes that shared day and second would not be independent data.
2. `BlockExtractor` (`ai/extractors.py`) looks up the encoded minutes of these places in `BlockCache`. What is missing
   is encoded, a minute of seconds in one pass; weights stand still during a rollout, so it stays valid.
3. Only the portfolio's question to the market tokens, the two heads and the draw of the action run for every row.
4. The lanes step in numba. Nothing is done in Python for a lane unless its episode ends.
5. After the last step, `LanePPO.rollout` (`agent/lane_ppo.py`) asks for the values of all episodes that were cut off in
   one call and adds them to their last rewards; then advantages and returns.

A row takes {row:.0f} bytes: index 8, portfolio {portfolio_bytes}, mask {actions}, action and episode start a byte each,
reward, value, log probability, advantage and return 4 each. `./fx bench --only train` compares that with windows.

## One update

`BlockMaskableRolloutBuffer` (`agent/rollout_buffer.py`) shuffles parts of up to `training.block_rows` rows that lie in
one minute of one day. A minibatch so touches few minutes, and each is encoded about once per pass instead of once per
row. `LanePPO.train` reads like the paper: clipped objective, value, entropy, one step of fused Adam per minibatch.
Advantages are normalised once per rollout (`training.advantage_norm`). Whether parts or that normalisation hurt
learning is measured: [engine_ablation.md](engine_ablation.md).

## What it is checked against

- With `block_rows` 1 and normalisation in the minibatch, the parameters on CartPole after 4,096 steps are those of
  sb3-contrib's own loops bit by bit (`tests/oracles/test_ppo_against_sb3.py`).
- Advantages are those of stable-baselines3 to the bit, and of small cases worked out by hand
  (`tests/oracles/test_gae_against_sb3.py`).
- Windows, blocks and cache give the same features and gradients (`tests/ai/`).

## Threads

`training.threads` is torch's number of threads; 0 measures it: the minibatches of the first update take turns with 1,
2, 4, ... threads up to the usable cores, and the fastest stays. The number is kept with the run; the same number, seed
and data give the same parameters to the bit, another number need not.

Threads that wait for each other spin. On a free machine that is best; beside another busy program two of them are
several times slower than one. There, use `training.threads=1`, or set `OMP_WAIT_POLICY=PASSIVE` in the environment,
which changes no result, and costs a tenth of the update and a third of the rollout where nothing else runs.

## Scaling

{machine}.
One size at a time; the others stay at 64 lanes, d_model 64, a window of 60 seconds and 4 days. A decision every second,
rollouts of {steps} steps, minibatches of {batch} rows or all there are. *rollout/s* and *update/s* are steps and rows a
second, *train/s* steps with a rollout and an update of {epochs} passes, and *update* is the update's share of that
time. *GEMM* is the share of matrix products in the update's own CPU time (torch.profiler: mm, addmm, bmm; those within
the attention kernel count as attention), *limit* what takes most of it. *MB* is the most memory that the process held,
pages of mapped files included.

![Steps per second by lanes, width, window and days]({picture})

{tables}
## Limits

{limits}

`./fx bench --only scaling --docs` draws this page again, in some minutes; `./fx bench --only train` measures against
stable-baselines3 on windows.
"""


def write_page(points: Sequence[Point]) -> list[Path]:
    """Write page and picture."""
    write_text(PICTURE, picture(points))
    write_text(PAGE, page(points))
    return [PAGE, PICTURE]


def page(points: Sequence[Point]) -> str:
    """The page with these sizes."""
    centre = next(point for point in points if point.is_centre)
    tables = [
        f"### By {LABELS[axis]}\n\n"
        + markdown([axis, *HEAD], [[f"{p.size:,}", *p.cells] for p in points if p.axis == axis])
        for axis in AXES
    ]
    return TEXT.format(
        machine=f"Measured on {THREADS} cores ({platform.machine()}) with torch {version('torch')}",
        row=centre.measured.bytes_per_row,
        portfolio=len(Portfolio),
        portfolio_bytes=4 * len(Portfolio),
        actions=ACTIONS,
        steps=centre.setup.n_steps,
        batch=f"{centre.setup.batch:,}",
        epochs=EPOCHS,
        picture=PICTURE.name,
        tables="\n".join(tables),
        limits=limits(points, centre),
    )


def limits(points: Sequence[Point], centre: Point) -> str:
    """What the figures say, in sentences."""
    m, by_axis = centre.measured, {axis: [point for point in points if point.axis == axis] for axis in AXES}
    shares = ", ".join(f"{kind} {share:.0%}" for kind, share in m.shares.items())
    last = {axis: found[-1] for axis, found in by_axis.items()}
    first = {axis: found[0] for axis, found in by_axis.items()}

    def times(axis: str) -> str:
        return f"{last[axis].measured.steps_per_s / first[axis].measured.steps_per_s:.2g} times"

    widths = ", ".join(f"{p.measured.shares[GEMM]:.0%} at {p.size}" for p in by_axis["d_model"])
    return "\n".join(
        [
            f"- **The update limits training**: {centre.update_share:.0%} of the time. Of its CPU time: {shares}.",
            f"- **Width**: matrix products are {widths}. Where they are less than half, a faster BLAS does little; "
            f"fewer passes and larger minibatches do more. d_model {last['d_model'].size} trains at "
            f"{times('d_model')} the speed of {first['d_model'].size}.",
            f"- **Lanes**: {last['lanes'].size} train at {times('lanes')} the speed of {first['lanes'].size}, as a "
            "call of torch is shared by more rows.",
            f"- **Window**: {last['window'].size} seconds train at {times('window')} the speed of "
            f"{first['window'].size}. The public observation holds 60, and a network that looks back further is "
            "refused; the benchmark widens it.",
            f"- **Days**: {last['days'].size} train at {times('days')} the speed of {first['days'].size}: a day is "
            f"memory-mapped, and only the minutes that lanes are in are read. Above {DISTINCT_DAYS} the same days are "
            "in the bank several times.",
        ]
    )


def picture(points: Sequence[Point]) -> str:
    """Steps per second by size, one panel an axis, as SVG."""

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(AXES), sharey=True)
        for axes, axis in zip(panels, AXES, strict=True):
            found = [point for point in points if point.axis == axis]
            sizes = [point.size for point in found]
            speeds = [(m.rollout_steps_per_s, m.update_rows_per_s, m.steps_per_s) for m in (p.measured for p in found)]
            for (label, colour), values in zip(LINES.items(), zip(*speeds, strict=True), strict=True):
                axes.plot(sizes, values, color=colour, marker="o", markersize=3, label=label)
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set_xticks(sizes, [str(size) for size in sizes], rotation=45)
            axes.minorticks_off()
            axes.set_xlabel(LABELS[axis])
        panels[0].set_ylabel("steps (rows) per second")
        panels[-1].legend(loc="center")

    return svg_text(draw, (9.6, 3.2), "engine")
