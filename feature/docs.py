"""The table of all features, generated from their declarations."""

from __future__ import annotations

from feature.feature_day import BRANCHES
from feature.registry import LIMIT, Feature, registered

TITLES = {
    "hf": "hf: every second, the last 60 are seen",
    "mf": "mf: completed 1-minute bars, the last 30 are seen",
    "lf": "lf: the 30 previous sessions",
    "static": "static: every second, the newest only",
}
HEAD = "| name | family | formula | units | window | normalised | range |\n|---|---|---|---|---|---|---|"


def feature_table() -> str:
    """Markdown: one table a branch, in column order."""
    features = [entry.feature for entry in registered()]
    parts = [f"soft(x) = x / sqrt(1 + (x / {LIMIT:g})^2). Unknown values are 0.\n"]
    for branch in BRANCHES:
        mine = [f for f in features if f.branch == branch]
        rows = "\n".join(_row(f) for f in mine)
        parts.append(f"### {TITLES[branch]} ({len(mine)})\n\n{HEAD}\n{rows}\n")
    return "\n".join(parts)


def _row(f: Feature) -> str:
    cells = [f"`{f.name}`", f.family, f.formula, f.units, _duration(f.window), f.scaling.text]
    cells.append(f"[{f.low:g}, {f.high:g}]")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _duration(seconds: int) -> str:
    if seconds == 0:
        return ""
    return f"{seconds} s" if seconds < 57_600 else f"{seconds // 57_600} d"
