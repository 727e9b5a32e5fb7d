"""The shell of our pages: one HTML file that loads nothing, in light and dark, on screen and on paper."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "style.css").read_text()
"""Of every page; colours are its variables."""
UP, DOWN, TOTAL = "#0b8457", "#d1293d", "#1463d8"
"""Colours of gains, losses and sums where no variable reaches, as in plotly."""
PLOT_CONFIG = {"displaylogo": False, "modeBarButtonsToRemove": ["sendChartToCloud", "sendDataToCloud"]}
"""plotly, without what leads elsewhere."""
SYNTHETIC = "SYNTHETIC MARKET"


def page(title: str, body: str, *, style: str = "", tags: Sequence[str] = (), head: str = "") -> str:
    """A whole page. title and tags: plain text; body, style and head as they stand."""
    shown = "".join(f" {tag(text)}" for text in tags)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{STYLE}{style}</style>{head}</head>\n"
        f"<body><h1>{html.escape(title)}{shown}</h1>{body}</body></html>\n"
    )


def tag(text: str) -> str:
    """A warning that must not be overlooked."""
    return f'<span class="tag">{html.escape(text)}</span>'


def table_html(head: Sequence[str], rows: Iterable[Sequence[str]], *, text: int = 1, name: str = "small") -> str:
    """A table whose first `text` columns are words and the others figures; those with a sign are coloured.

    name: its class.
    """
    return (
        f'<div class="scroll"><table class="{name}"><thead><tr>{head_cells(head, text)}</tr></thead><tbody>'
        + "".join(f"<tr>{cells(row, text)}</tr>" for row in rows)
        + "</tbody></table></div>"
    )


def head_cells(names: Sequence[str], text: int) -> str:
    """Cells of a table's head."""
    return "".join(
        f'<th scope="col"{"" if i < text else " class=num"}>{html.escape(name)}</th>' for i, name in enumerate(names)
    )


def cells(row: Sequence[str], text: int) -> str:
    """Cells of a row."""
    return "".join(_cell(value, i < text) for i, value in enumerate(row))


def _cell(value: str, word: bool) -> str:
    if word:
        return f"<td>{html.escape(value)}</td>"
    sign = {"+": " pos", "-": " neg"}.get(value[:1], "") if any(digit in value for digit in "123456789") else ""
    return f'<td class="num{sign}">{html.escape(value)}</td>'
