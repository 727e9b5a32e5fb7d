"""Charts over time: TradingView's library and our day chart, to be put into a page as they are."""

from __future__ import annotations

from utils.web.page import FOLDER

VENDOR = FOLDER / "vendor"
LIBRARY = VENDOR / "lightweight-charts.standalone.production.js"
DAY_CHART = {name: FOLDER / name for name in ("day_marks.js", "day_chart.js")}
"""Our day chart, in the order in which its parts are loaded."""
NOTICE = (
    "Charts: TradingView Lightweight Charts&trade;, Copyright &copy; 2026 TradingView, Inc. "
    '<a href="https://www.tradingview.com/" rel="noopener">www.tradingview.com</a> (Apache License 2.0)'
)
"""What its licence asks for; the link asks nobody for anything until it is followed."""


def script(code: str) -> str:
    """A script element; code that would end it early is written so that it does not."""
    safe = code.replace("</", "<\\/")
    return f"<script>{safe}</script>"
