"""The tear sheet that other desks read (package quantstats), as one file that asks no other host for anything."""

from __future__ import annotations

import datetime as dt
import html
import logging
import re
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from agent.statistics.sessions import SESSIONS_A_YEAR, Sessions
from utils.atomic import write_text
from utils.errors import DataError

OUTSIDE = (
    re.compile(r"<link[^>]*>"),  # an icon
    re.compile(r"<!--.*?-->|<!DOCTYPE svg[^>]*>|<\?xml.*?\?>", re.DOTALL),
    re.compile(r"<metadata>.*?</metadata>", re.DOTALL),
    re.compile(r' onload="save\(\)"'),  # of a function that is not there
)
"""What is left out."""
LEAST_SESSIONS = 3


def write_tear_sheet(sessions: Sessions, path: Path, title: str) -> None:
    """Write the page. Returns are summed, not compounded: the capital is the same every morning.

    Raises DataError for sessions that have nothing to show: fewer than three, or no trade.
    """
    if len(sessions.dates) < LEAST_SESSIONS or not sessions.pnl.any():
        traded = int((sessions.pnl != 0).sum())
        raise DataError(
            f"{len(sessions.dates)} sessions, {traded} of them with a trade, make no tear sheet",
            fix=f"backtest at least {LEAST_SESSIONS} sessions",
        )
    write_text(path, offline(_page(sessions, title)))


def offline(page: str) -> str:
    """The page without anything that is loaded from, or leads to, another host."""
    for pattern in OUTSIDE:
        page = pattern.sub("", page)
    page = page.replace("\ufe6a", "%")  # a percent sign that hardly any font has
    return re.sub(r"<a [^>]*>(.*?)</a>", r"\1", page, flags=re.DOTALL)


def _page(sessions: Sessions, title: str) -> str:
    import pandas as pd

    index = pd.DatetimeIndex([dt.datetime.combine(date, dt.time()) for date in sessions.dates])
    returns = pd.Series(sessions.returns, index=index, name="agent")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        import quantstats.reports

        page = Path(folder) / "page.html"
        quantstats.reports.html(
            returns,
            output=str(page),
            title=html.escape(title),
            compounded=False,
            periods_per_year=SESSIONS_A_YEAR,
        )
        return page.read_text()


@contextmanager
def _quiet() -> Generator[None]:
    """Fonts that are not there, and quantiles of short series, are of no interest."""
    fonts = logging.getLogger("matplotlib.font_manager")
    level = fonts.level
    fonts.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        fonts.setLevel(level)
