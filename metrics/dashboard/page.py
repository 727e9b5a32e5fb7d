"""A page of the dashboard: one file in metrics/dashboard/pages that declares one.

The page names its parts (`part("kl", "curves", "...")`); `news` says what they show. The browser draws them by kind
(metrics/dashboard/web/parts.js), so a page of curves, tables and cards is Python only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml
from dash import html
from dash.development.base_component import Component

from metrics.run_store import RunStore
from metrics.runs import CONFIG, RunSummary
from utils.registry import Registry

Parts = dict[str, Any]
"""What is new, by part: plain data for its kind; None: nothing to show."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What a page is asked for."""

    runs: Path
    """Folder of runs."""
    summary: RunSummary
    """Of the run that is looked at."""
    store: RunStore
    since: Mapping[str, int]
    """By table: last sequence number that the browser has; 0: it has nothing of it. By folder: its stamp."""
    seen: Mapping[str, int]
    """The same as it is now."""
    options: Mapping[str, Any]
    """What the reader has chosen on the page, as its parts name it."""

    @cached_property
    def config(self) -> dict[str, Any]:
        """The run's resolved configuration."""
        return yaml.load((self.summary.folder / CONFIG).read_text(), Loader=yaml.CSafeLoader)

    @property
    def first(self) -> bool:
        """Whether the browser has nothing yet."""
        return not any(self.since.values())

    def new(self, name: str) -> bool:
        """Whether the table or folder `name` of the page has something that the browser has not."""
        return self.seen[name] != self.since.get(name, 0)


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page."""

    name: str
    """Its path, and the key of the registry."""
    title: str
    order: int
    """From left to right."""
    about: str
    """A sentence: what it answers."""
    layout: Callable[[], Sequence[Component]]
    news: Callable[[View], Parts]
    tables: tuple[str, ...] = field(default=())
    """Of the run store: news are asked for when one of them grows."""
    folders: tuple[str, ...] = field(default=())
    """Within the run's folder: news are asked for when a file is put into one of them, or taken away."""


PAGES: Registry[Page] = Registry("page", "metrics.dashboard.pages", "metrics/dashboard/pages")


def add_page(page: Page) -> Page:
    """Register it."""
    PAGES.add(page.name, page, page.layout.__module__)
    return page


def pages() -> list[Page]:
    """All of them, from left to right."""
    return sorted(PAGES.all().values(), key=lambda page: (page.order, page.name))


def attributes(**named: str) -> dict[str, Any]:
    """As HTML has them: aria_label="x" becomes aria-label."""
    return {name.replace("_", "-"): value for name, value in named.items()}


def part(name: str, kind: str, label: str, **more: str) -> Component:
    """Where the part `name` is drawn; label: read out by screen readers; more: attributes, data_live="yes"."""
    named = attributes(data_kind=kind, aria_label=label, **more)
    return html.Div(id=name, className=f"part {kind}", role="group", **named)


def card(title: str, *children: Component, note: str = "") -> Component:
    """A box with a heading."""
    told = [html.P(note, className="note")] if note else []
    return html.Section([html.H2(title), *told, *children], className="card")
