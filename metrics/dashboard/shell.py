"""What stands around every page: name, run, navigation, theme, and a line that says whether it is alive."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from metrics.dashboard.page import attributes, pages
from metrics.dashboard.static import head
from utils.web.charts import NOTICE

BEAT_MS = 500
"""The heart of the page; news are asked for in between as well, see loop.js."""
THEME = "(() => { let t; try { t = localStorage.getItem('fx-theme'); } catch { t = null; } " + (
    "t = t || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'); "
    "const e = document.documentElement; e.dataset.theme = t; e.dataset.mantineColorScheme = t; "
    "e.dataset.agThemeMode = t; })();"
)
"""Before anything is painted."""
INDEX = f"""<!doctype html>
<html lang="en"><head>{{%metas%}}<meta name="viewport" content="width=device-width"><title>{{%title%}}</title>
<script>{THEME}</script>{{%css%}}{head()}</head>
<body>{{%app_entry%}}<footer class="screen">{NOTICE}</footer>{{%config%}}{{%scripts%}}{{%renderer%}}</body></html>
"""


def shell() -> Component:
    """The layout of the app."""
    links = [
        dcc.Link(
            [html.Kbd(str(i), **attributes(aria_hidden="true")), page.title],
            href=f"/{page.name}",
            id=f"to-{page.name}",
            title=page.about,
            className="tab",
        )
        for i, page in enumerate(pages(), 1)
    ]
    top = [
        html.A("FxAI", href="/", className="brand", title="Live dashboard"),
        html.Nav(links, **attributes(aria_label="Pages")),
        html.Div(
            [
                dmc.Select(
                    id="run",
                    data=[],
                    placeholder="no run yet",
                    searchable=True,
                    allowDeselect=False,
                    w=330,
                    size="xs",
                    comboboxProps={"shadow": "md"},
                    maxDropdownHeight=420,
                    attributes={"input": {"aria-label": "Run"}},
                ),
                html.Button("Dark", id="theme", type="button", title="Dark or light (d)", className="small"),
            ],
            className="chooser",
        ),
    ]
    return dmc.MantineProvider(
        id="mantine",
        children=[
            html.A("Skip to the page", href="#page", className="skip"),
            html.Header(top, className="top"),
            html.Div(
                [
                    html.Span(id="dot"),
                    html.Span("looking for runs", id="state"),
                    html.Div(html.Div(id="bar"), id="progress"),
                ],
                id="head",
                role="status",
                **attributes(aria_live="off"),
            ),
            html.Div(id="trouble", role="alert", hidden=True),
            html.Main(id="page", tabIndex="-1"),
            dcc.Location(id="where", refresh="callback-nav"),
            dcc.Interval(id="tick", interval=BEAT_MS),
            dcc.Store(id="beat"),
        ],
    )


def page_body(path: str | None) -> list[Any]:
    """What stands below the head for a path; `/` is the first page."""
    name = (path or "/").strip("/")
    found = {page.name: page for page in pages()}
    page = found.get(name) if name else pages()[0]
    if page is None:
        return [html.H1("There is no such page"), html.P(["It may be ", dcc.Link("the first one", href="/"), "."])]
    return [
        html.Div([html.H1(page.title), html.P(page.about, className="note")], className="title"),
        html.Div(page.layout(), id=f"page-{page.name}", className="body", **attributes(data_page=page.name)),
    ]
