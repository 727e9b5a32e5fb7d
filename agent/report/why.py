"""Why it traded: the pictures and words of an explanation, and the causes of single round trips for why.js."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from typing import Any

from agent.report.charts import LEFT, RIGHT, WIDTH, bar, label, svg
from metrics.explanation import Decision, Explanation, FeatureUse
from metrics.reading import (
    ROW_UNITS,
    age_text,
    ages_of,
    branch_text,
    cause_rows,
    findings,
    in_need,
    lag_sentence,
    looked_back,
    percent,
    ranked,
    row_text,
    spoken,
    summed,
    verdict,
)
from utils.web.page import table_html
from utils.web.text import DASH, signed

TOP = 16
"""Features of the pictures."""
ADVISED = 16
"""Features that something is advised about, at most."""
CAUSES = 6
"""The strongest of each decision."""
ROW, NAME, FIGURE = 21, 210, 56
"""Of the bars, in units of the picture: height, room for names and for figures."""
LAG_HEIGHT, LAG_FOOT = 130, 20
MARKS = {True: "yes", False: "NO", None: "not asked"}
NONE = (
    '<p class="empty">No round trip was explained. What to do: <code>./fx backtest explain.trades=20</code> explains '
    "those that won or lost most, if there are any.</p>"
)


def why_html(told: Explanation | None) -> str:
    """The section with its data; without an explanation it says how to get one."""
    body = _body(told) + _data(told) if told else NONE
    return (
        f'<section class="card" id="why" aria-labelledby="h-why"><h2 id="h-why">Why did it trade?</h2>{body}</section>'
    )


def _body(told: Explanation) -> str:
    word, good = verdict(told)
    look = "pos" if good else "neg" if good is False else ""
    count = ", ".join(f"{number} {name}" for name, number in told.strata.items() if number)
    leaders = ranked(told.features)
    parts = [
        (
            "What it decides by",
            "How much each input moved the chosen action against the others that were possible, as a share of all "
            "inputs. Bars: integrated gradients; strokes: SHAP, a second opinion. Not which way, and not that it pays.",
            feature_bars(leaders[:TOP]),
        ),
        (
            "Which second, minute, session",
            "Share of a decision by age, now on the right. A spike at one lag is a habit of the market, or of the "
            "simulator: doubt it until real days show it too.",
            "".join(lag_bars(branch, told.lags.get(branch, [])) for branch in ROW_UNITS),
        ),
        (
            f'Can it be believed? <span class="{look}">{html.escape(word)}</span>',
            "One NO, and these pictures are a story. All yes: they say what this network does with its inputs, not "
            "that doing so makes money.",
            _findings(told),
        ),
        (
            "Families",
            "The same shares, summed over related features: what kind of trader it is.",
            _families(told.features),
        ),
    ]
    cards = "".join(_card(*part) for part in parts)
    scales = _card(
        "And how far back",
        "The strongest features by age of what was seen. Weight on what is fresh needs fast data and fast orders; "
        "weight far back is a slower setup.",
        scale_table(told),
    )
    care = _card(
        "Dead and quiet inputs, and what to do",
        "Inputs without effect cost time and invite chance.",
        _advice(told.features),
    )
    head = (
        f"{html.escape(told.model)}, {sum(told.strata.values()):,} decisions ({count}) in {told.cost.seconds:,.0f} s. "
        "The causes of a single round trip stand above its chart once it is chosen; the column "
        '"why" of the list says which have them.'
    )
    return f'<p class="note">{head}</p><div class="bricks">{cards}</div><div class="grid wide">{scales}{care}</div>'


def _card(head: str, note: str, content: str) -> str:
    """head: HTML."""
    return f'<div class="card"><h3>{head}</h3><p class="note">{note}</p>{content}</div>'


# ---------------------------------------------------------------- pictures
def feature_bars(leaders: Sequence[FeatureUse]) -> str:
    """Horizontal bars of `action`, with a stroke where SHAP puts each feature."""
    known = [use.shap for use in leaders if math.isfinite(use.shap)]
    most = max([use.action for use in leaders] + known, default=0.0) or 1.0
    room = WIDTH - LEFT - RIGHT - NAME - FIGURE
    parts: list[str] = []
    for i, use in enumerate(leaders):
        top, width = i * ROW + 4, room * use.action / most
        said = f"{spoken(use.name)} ({branch_text(use.branch)}, {spoken(use.family)}): {percent(use.action)}"
        said += f", SHAP {percent(use.shap)}" if math.isfinite(use.shap) else ""
        parts.append(label(LEFT + NAME - 8, top + 12, spoken(use.name), "end"))
        parts.append(bar(LEFT + NAME, top, width, ROW - 6, "total", said))
        if math.isfinite(use.shap):
            x = LEFT + NAME + room * use.shap / most
            parts.append(f'<line class="second" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 2}" y2="{top + ROW - 4}"/>')
        parts.append(label(WIDTH - RIGHT, top + 12, percent(use.action), "end"))
    first = ", ".join(f"{spoken(use.name)} {percent(use.action)}" for use in leaders[:5])
    return svg("".join(parts), f"Strongest features: {first}", len(leaders) * ROW + 8)


def scale_table(told: Explanation) -> str:
    """Features by scales as a table whose cells are shaded by the root of their share."""
    order = {use.name: i for i, use in enumerate(told.features)}
    leaders = ranked(told.features)[:TOP]
    shown = [i for i, scale in enumerate(told.scales) if any(use.branch == scale.branch for use in leaders)]
    most = max((told.by_scale[order[use.name]][i] for use in leaders for i in shown), default=0.0) or 1.0
    spans: dict[str, int] = {}
    for i in shown:
        spans[told.scales[i].branch] = spans.get(told.scales[i].branch, 0) + 1
    over = "".join(
        f'<th scope="colgroup" colspan="{count}">{html.escape(ages_of(branch))}</th>' for branch, count in spans.items()
    )
    heads = "".join(f'<th scope="col">{html.escape(age_text(told.scales[i]))}</th>' for i in shown)
    rows = "".join(
        f'<tr><th scope="row">{html.escape(spoken(use.name))}</th>'
        + "".join(_cell(told.by_scale[order[use.name]][i], most, told.scales[i].branch == use.branch) for i in shown)
        + "</tr>"
        for use in leaders
    )
    return (
        '<div class="scroll"><table class="small map"><thead><tr><th class="hidden">feature</th>'
        f'{over}</tr><tr><th scope="col">feature</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _cell(share: float, most: float, own: bool) -> str:
    if not own:
        return "<td></td>"
    strength = 60 * math.sqrt(max(share, 0.0) / most)
    return f'<td style="--s:{strength:.0f}%">{percent(share)}</td>'


def lag_bars(branch: str, shares: Sequence[float]) -> str:
    """Share by row of a branch, as time goes, with what it says in words."""
    said = lag_sentence(branch, shares)
    if not sum(shares):
        return f"<p>{html.escape(said)}.</p>"
    slot, most, foot = (WIDTH - LEFT - RIGHT) / len(shares), max(shares), LAG_HEIGHT - LAG_FOOT
    parts: list[str] = []
    for i, value in enumerate(shares):
        height, back = (foot - 6) * value / most, len(shares) - 1 - i
        told = f"{row_text(branch, back)}: {percent(value)}"
        parts.append(bar(LEFT + i * slot + 0.5, foot - height, slot - 1, height, "total", told))
    parts.append(label(LEFT, LAG_HEIGHT - 5, row_text(branch, len(shares) - 1), "name start"))
    parts.append(label(WIDTH - RIGHT, LAG_HEIGHT - 5, row_text(branch, 0), "name end"))
    return f"<h4>{html.escape(said)}</h4>{svg(''.join(parts), said, LAG_HEIGHT)}"


# ---------------------------------------------------------------- tables
def _findings(told: Explanation) -> str:
    rows = [[finding.name, MARKS[finding.good], finding.text, finding.figure] for finding in findings(told)]
    return table_html(["what is asked", "holds", "meaning", "figure"], rows, text=4)


def _families(features: Sequence[FeatureUse]) -> str:
    action, value = (summed(features, "family", by) for by in ("action", "value"))
    rows = [[spoken(name), percent(share), percent(value[name])] for name, share in list(action.items())[:TOP]]
    return table_html(["family", "decision", "critic's value"], rows)


def _advice(features: Sequence[FeatureUse]) -> str:
    rows = [
        [spoken(use.name), branch_text(use.branch), use.state, use.advice or DASH, percent(use.action)]
        for use in in_need(features)
    ]
    if not rows:
        return "<p>Every input is in use.</p>"
    more = f"<p>{len(rows) - ADVISED} more: explanations/trades.json.</p>" if len(rows) > ADVISED else ""
    return table_html(["feature", "branch", "state", "advice", "share"], rows[:ADVISED], text=4) + more


# ---------------------------------------------------------------- single decisions
def _data(told: Explanation) -> str:
    branches = {use.name: use.branch for use in told.features}
    made = {_key(one): _decision(one, branches) for one in told.decisions}
    text = json.dumps(made, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    return f'<script type="application/json" id="why-data">{text}</script>'


def _key(decision: Decision) -> str:
    """As why.js asks for it: a backtest has one lane a day of a symbol."""
    return f"{decision.symbol} {decision.date} {decision.second} {decision.stratum}"


def _decision(decision: Decision, branches: dict[str, str]) -> dict[str, Any]:
    rows = cause_rows(decision, branches)[:CAUSES]
    return {
        "target": signed(decision.target, ".2f"),
        "back": looked_back(decision),
        "causes": [[name, value, back, round(share, 4)] for name, value, back, share in rows],
    }
