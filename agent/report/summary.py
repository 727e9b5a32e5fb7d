"""The top of the page: the verdict with its reasons, and the figures that matter most."""

from __future__ import annotations

import html
import math

from agent.backtest import Comparison
from agent.backtest_days import Found
from agent.report.tables import costs_of
from agent.statistics.evaluation import Evaluation
from agent.statistics.intervals import Interval
from agent.statistics.verdict import HOLDS_UP, LOSES, PROMISING, Reason, Verdict, judge
from data.market_day import MarketDay
from utils.web.page import SYNTHETIC
from utils.web.text import DASH, money, number, share

MARKS = {True: ("good", "&#10003;"), False: ("against", "&#10007;"), None: ("open", "?")}
LOOKS = {HOLDS_UP: "good", PROMISING: "fair", LOSES: "against"}
IN_SAMPLE, ORACLE_SELECTED = "IN SAMPLE", "ORACLE-SELECTED DAYS"


def labels(result: Comparison, days: list[MarketDay], in_sample: bool) -> list[str]:
    """What nobody may overlook."""
    told = {
        SYNTHETIC: any(day.synthetic for day in days),
        IN_SAMPLE: in_sample,
        ORACLE_SELECTED: any(day.found is Found.ORACLE for day in result.days),
    }
    return [label for label, holds in told.items() if holds]


def judged(result: Comparison, evaluation: Evaluation, days: list[MarketDay], in_sample: bool) -> Verdict:
    """`judge`, told what the days are."""
    told = labels(result, days, in_sample)
    return judge(evaluation, in_sample=in_sample, oracle_selected=ORACLE_SELECTED in told, synthetic=SYNTHETIC in told)


def verdict_html(verdict: Verdict) -> str:
    """The word and its reasons."""
    rows = "".join(_reason(reason) for reason in verdict.reasons)
    look = LOOKS.get(verdict.word, "open")
    return (
        f'<section class="card verdict {look}" aria-label="Verdict"><div class="word"><span>Verdict</span>'
        f'<strong id="verdict">{html.escape(verdict.word)}</strong></div><ul class="reasons">{rows}</ul></section>'
    )


def _reason(reason: Reason) -> str:
    name, mark = MARKS[reason.good]
    return (
        f'<li class="{name}"><b aria-hidden="true">{mark}</b><span class="hidden">{name}: </span>'
        f"<span>{html.escape(reason.text)}</span></li>"
    )


def tiles_html(result: Comparison, evaluation: Evaluation) -> str:
    """One figure each, with what it means below."""
    e, run = evaluation, result.policy
    net, oracle = float(run.pnl.sum()), float(result.oracle_pnl.sum())
    depth = e.drawdowns[0].dollars if e.drawdowns else 0.0
    trips = e.trades
    tiles = [
        ("Net P&L", money(net), f"{len(result.days)} symbol-days, {len(e.sessions.dates)} sessions", net),
        ("Per session", money(e.mean.value), _between(e.mean), e.mean.value),
        ("Sharpe, annual", number(e.sharpe.value), _between(e.sharpe, plain=True), 0),
        ("Max drawdown", money(-depth), f"{share(depth / e.sessions.capital, 1)} of the capital", -depth),
        ("Win rate", share(trips.win_rate), f"{trips.round_trips:,} round trips", 0),
        ("Profit factor", number(trips.profit_factor), f"expectancy {money(trips.expectancy)}", 0),
        ("Costs", money(-costs_of(run)), f"{number(e.activity.cost_bp, 1)} bp of what was traded", 0),
        (
            "Capture",
            share(net / oracle, 1) if oracle > 0 else DASH,
            f"of perfect foresight's {money(oracle, 0, plus=False)}",
            0,
        ),
    ]
    return f'<div class="tiles">{"".join(_tile(*tile) for tile in tiles)}</div>'


def _tile(name: str, figure: str, below: str, sign: float) -> str:
    colour = "pos" if sign > 0 else "neg" if sign < 0 else ""
    return (
        f'<div class="card tile"><span>{html.escape(name)}</span>'
        f'<strong class="{colour}">{html.escape(figure)}</strong>'
        f"<small>{html.escape(below)}</small></div>"
    )


def _between(interval: Interval, *, plain: bool = False) -> str:
    if not math.isfinite(interval.low):
        return "too few sessions for an interval"
    write = number if plain else money
    return f"95 %: {write(interval.low)} to {write(interval.high)}"
