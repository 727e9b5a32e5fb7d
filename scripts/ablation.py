"""What studies that hold trainings against each other share: options, learning curves, and where the result goes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy.typing as npt

from scripts.command import Parser
from scripts.output import out
from scripts.seed_runs import add_seeds
from scripts.svg import svg_text
from utils.atomic import write_text
from utils.paths import ROOT, shown

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure


class Curve(NamedTuple):
    """A learning curve with its band, [points] each."""

    name: str
    colour: str
    steps: npt.NDArray[np.int64]
    values: npt.ArrayLike
    low: npt.ArrayLike
    high: npt.ArrayLike


def parser(task: str, about: str | None, seeds: int) -> Parser:
    """--seeds (`seeds` if it is not said), --quick and --out."""
    made = Parser(f"./fx {task}", about)
    add_seeds(made, default=seeds)
    made.add_argument("--quick", action="store_true", help="a few rollouts only: does it run?")
    made.add_argument("--out", type=Path, default=ROOT / "docs", metavar="FOLDER", help="default: docs")
    return made


def curves_svg(curves: Iterable[Curve], name: str, *, title: str, label: str, marker: str = "") -> str:
    """Curves by environment steps, as SVG; the same numbers give the same text. label: of the vertical axis."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for one in curves:
            axes.fill_between(one.steps, one.low, one.high, color=one.colour, alpha=0.15, linewidth=0)
            axes.plot(one.steps, one.values, color=one.colour, marker=marker, markersize=3, label=one.name)
        axes.axhline(0.0, color="#94a3b8", linewidth=0.8)
        axes.set_xlabel("environment steps")
        axes.set_ylabel(label)
        axes.set_title(title)
        axes.xaxis.set_major_formatter(lambda x, _: f"{x:,.0f}")
        axes.legend()

    return svg_text(draw, (7.2, 3.6), name)


def publish(folder: Path, name: str, page: str, picture: str, said: str) -> None:
    """Write `name`.md and `name`.svg to `folder`; print `said` and where they are."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{name}.svg", picture)
    write_text(folder / f"{name}.md", page)
    out.print(f"{said}\nwritten: {shown(folder / f'{name}.md')}")
