"""The tables of all features and of the portfolio observation, generated from their declarations."""

from __future__ import annotations

from feature.feature_day import BRANCHES
from feature.portfolio import PORTFOLIO, PortfolioFeature
from feature.registry import LIMIT, Feature, registered

TITLES = {
    "hf": "hf: every second, the last 60 are seen",
    "mf": "mf: completed 1-minute bars, the last 30 are seen",
    "lf": "lf: the 30 previous sessions",
    "static": "static: every second, the newest only",
}
HEAD = "| name | family | formula | units | window | normalised | range |\n|---|---|---|---|---|---|---|"


def feature_table() -> str:
    """Markdown: one table a branch and one for the portfolio, in column order."""
    features = [entry.feature for entry in registered()]
    parts = [f"soft(x) = x / sqrt(1 + (x / {LIMIT:g})^2). Unknown values are 0.\n"]
    for branch in BRANCHES:
        mine = [f for f in features if f.branch == branch]
        rows = "\n".join(_row(f) for f in mine)
        parts.append(f"### {TITLES[branch]} ({len(mine)})\n\n{HEAD}\n{rows}\n")
    rows = "\n".join(_account_row(f) for f in PORTFOLIO)
    parts.append(f"### portfolio: the account, at every decision ({len(PORTFOLIO)})\n\n{HEAD}\n{rows}\n")
    return "\n".join(parts)


def _row(f: Feature) -> str:
    return _cells(f.name, f.family, f.formula, f.units, _duration(f.window), f.scaling.text, f.low, f.high)


def _account_row(f: PortfolioFeature) -> str:
    return _cells(f.name, "portfolio", f.formula, f.units, "", f.normalise.text, f.low, f.high)


def _cells(name: str, *texts: str | float) -> str:
    *cells, low, high = texts
    row = [f"`{name}`", *map(str, cells), f"[{low:g}, {high:g}]"]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _duration(seconds: int) -> str:
    if seconds == 0:
        return ""
    return f"{seconds} s" if seconds < 57_600 else f"{seconds // 57_600} d"
