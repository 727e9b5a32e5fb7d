"""Files that the pages load, all from this machine: our own, plotly's and TradingView's library."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import flask

from utils.web.charts import DAY_CHART, LIBRARY
from utils.web.packed import SCRIPT
from utils.web.page import STYLE

WEB = Path(__file__).with_name("web")
SCRIPTS: dict[str, Path] = {
    "plotly.js": Path(str(files("plotly"))) / "package_data" / "plotly.min.js",
    "lightweight-charts.js": LIBRARY,
    "packed.js": SCRIPT,
    **DAY_CHART,
    **{name: WEB / name for name in ("palette.js", "loop.js", "parts.js", "charts.js", "day.js", "replay.js")},
}
"""In the order in which they are loaded."""
CSS = "dashboard.css"
PREFIX = "/web"


def themed(style: str) -> str:
    """The style of our pages, by `data-theme` of the root instead of by what the system prefers."""
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    chosen = "".join(
        f':root[data-theme="{name}"] {{ color-scheme: {name};{colours.replace("color-scheme: light dark;", "")} }}\n'
        for name, colours in (("light", light), ("dark", dark))
    )
    return f"{style}\n@media screen {{\n{chosen}}}\n"


def add_files(server: flask.Flask) -> None:
    """Routes of SCRIPTS and of the style sheet; asked for again only if they have changed."""

    @server.get(f"{PREFIX}/<name>")
    def web_file(name: str) -> flask.Response:  # pyright: ignore[reportUnusedFunction]
        if name == CSS:
            made = flask.Response(themed(STYLE) + (WEB / CSS).read_text(), mimetype="text/css")
            made.add_etag()
            made.make_conditional(flask.request)
            return made
        if name not in SCRIPTS:
            flask.abort(404)
        return flask.send_file(SCRIPTS[name], mimetype="text/javascript", conditional=True, max_age=0)


def head() -> str:
    """What the page's head loads."""
    scripts = "".join(f'<script src="{PREFIX}/{name}" defer></script>' for name in SCRIPTS)
    return f'<link rel="stylesheet" href="{PREFIX}/{CSS}"><link rel="icon" href="data:,">{scripts}'
