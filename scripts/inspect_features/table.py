"""What every feature did over the day, as rows of an HTML table."""

from __future__ import annotations

import html
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from feature.registry import Registered
from scripts.feature_values import Values

HEAD = ("name", "family", "branch", "min", "median", "max", "unknown", "formula", "units", "notes")


def feature_rows(entries: Sequence[Registered], values: Mapping[str, Values], chosen: Collection[str]) -> str:
    """One row a feature, by family; those in `chosen` are marked."""
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    ordered = sorted(entries, key=lambda entry: entry.feature.family)
    rows = "".join(_row(entry, values[entry.feature.name], entry.feature.name in chosen) for entry in ordered)
    return f"<tr>{head}</tr>{rows}"


def _row(entry: Registered, values: Values, chosen: bool) -> str:
    f = entry.feature
    notes = " ".join((entry.kernel.__doc__ or "").split())
    cells = [f.name, f.family, f.branch, *figures(values), f.formula, f.units, notes]
    mark = " class=chosen" if chosen else ""
    return f"<tr{mark}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"


def figures(values: Values) -> list[str]:
    """Least, median and greatest known value, and the share of unknown ones."""
    known = values[np.isfinite(values)]
    shown = [f"{x:.3f}" for x in (known.min(), np.median(known), known.max())] if len(known) else ["-"] * 3
    return [*shown, f"{1 - len(known) / len(values):.1%}"]
