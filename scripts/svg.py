"""Pictures of docs/ as SVG text: the same figures give the same text on every run."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.facecolor": "white",
}
"""What all pictures share."""


def svg_text(
    draw: Callable[[Figure], None], size: tuple[float, float], name: str, style: Mapping[Any, Any] | None = None
) -> str:
    """What `draw` puts on a figure of `size` inches.

    name: makes the ids within the picture; style: settings of matplotlib beside STYLE.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({**STYLE, "svg.hashsalt": name, **(style or {})}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
