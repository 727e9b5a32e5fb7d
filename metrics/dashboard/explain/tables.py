"""Words and tables of an explanation."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from metrics.dashboard.explain.checks import Digest
from metrics.dashboard.explain.plots import plain_gates
from metrics.dashboard.parts import COLOURS, figure_card, numbers, panel, plain, table, words
from metrics.explanation import Explanation, Failure, State
from metrics.reading import (
    BRANCH_NAMES,
    RANDOMISED_MOST,
    branch_text,
    findings,
    in_need,
    percent,
    ranked,
    spoken,
    verdict,
)
from utils.web.text import DASH, number, signed

LEADERS = 10
"""Features whose shares together are told."""
LINES = 6
"""Features and families whose course over the training is drawn: more cannot be told apart."""
SHUT = 0.05
"""A gate that is open by less lets nothing through."""
PER_BRANCH = ("hf", "mf", "lf", "fusion")


def cards(told: Explanation) -> list[dict[str, str]]:
    """The key figures of a check."""
    order = ranked(told.features)
    states = {state: sum(use.state == state for use in told.features) for state in State}
    strata = ", ".join(f"{count} {name}" for name, count in told.strata.items())
    word, good = verdict(told)
    against = [finding.against for finding in findings(told) if finding.good is False]
    return [
        figure_card("Decisions explained", f"{sum(told.strata.values()):,}", strata, hint="By what they were"),
        figure_card("Strongest feature", spoken(order[0].name), f"{percent(order[0].action)} of all"),
        figure_card(
            f"First {LEADERS} together",
            percent(sum(use.action for use in order[:LEADERS])),
            f"of {len(order)} features",
        ),
        figure_card(
            "Dead features",
            f"{states[State.DEAD]:,}",
            f"{states[State.QUIET]:,} quiet, {told.checks} check{'s' if told.checks > 1 else ''} running",
            hint="Dead: without any effect in so many checks running; see the advice below",
        ),
        figure_card(
            "Can it be believed",
            word,
            ", ".join(against) or "see below",
            tone="down" if good is False else "up" if good else "",
        ),
        figure_card(
            "Took",
            f"{told.cost.seconds:,.0f} s",
            f"{told.cost.memory_mb:,.0f}{f' of {told.cost.limit_mb:,.0f}' if told.cost.limit_mb else ''} MB",
            hint=f"{told.cost.cpu_s:,.0f} s of processor time in a process of its own: training does not wait",
        ),
    ]


def soundness(told: Explanation) -> Any:
    """What speaks for the explanation and against it."""
    marks = {True: "yes", False: "NO", None: "not asked"}
    rows = [[finding.name, marks[finding.good], finding.text, finding.figure] for finding in findings(told)]
    return table(["what is asked", "holds", "meaning", "figure"], rows, text=4)


def advice(told: Explanation) -> Any:
    """Features that something is to be done about."""
    found = in_need(told.features)
    if not found:
        return words("Every feature is in use: there is nothing to do.")
    rows = [
        [
            spoken(use.name),
            branch_text(use.branch),
            use.state,
            use.advice or DASH,
            percent(use.action),
            percent(use.ablation),
            number(use.spread, 3),
        ]
        for use in found
    ]
    return table(["feature", "branch", "state", "advice", "share", "ablation", "spread"], rows, text=4)


def redundant(told: Explanation) -> Any:
    """Pairs that say nearly the same."""
    if not told.redundant:
        return words("No two features say the same.")
    share = {use.name: use.action for use in told.features}
    rows = [
        [
            *(spoken(name) for name in (pair.first, pair.second)),
            *(percent(share.get(name, math.nan)) for name in (pair.first, pair.second)),
            signed(pair.correlation, ".3f"),
        ]
        for pair in sorted(told.redundant, key=lambda pair: -abs(pair.correlation))
    ]
    return table(["feature", "says the same as", "its share", "the other's", "correlation"], rows, text=2)


def heads(told: Explanation) -> Any:
    """Entropy and mean lag of every head."""
    rows: list[list[Any]] = []
    for branch in PER_BRANCH:
        found = told.attention.get(branch)
        for i, entropy in enumerate(found.entropy if found else []):
            unit = {"hf": " s back", "mf": " min back", "lf": " sessions back"}.get(branch)
            back = f"{found.lag[i]:.1f}{unit}" if found and unit else DASH
            rows.append([BRANCH_NAMES[branch], f"head {i + 1}", back, (percent(entropy), entropy)])
    if not rows:
        return words("This network has no attention.")
    return table(["looks at", "", "mean", "entropy"], rows, text=2, bars="entropy")


def gates(recorded: Mapping[str, float], told: Explanation | None) -> Any:
    """How far each token's gate is open now, and over the decisions that were explained."""
    checked = plain_gates(told) if told else {}
    now = {BRANCH_NAMES.get(name, spoken(name)): value for name, value in recorded.items()}
    names = sorted({*now, *checked}, key=lambda name: -now.get(name, checked.get(name, 0.0)))
    rows = [
        [
            name,
            "shut" if now.get(name, checked.get(name, 1.0)) < SHUT else "",
            percent(checked.get(name, math.nan)),
            (percent(now.get(name, math.nan)), now.get(name, 0.0)),
        ]
        for name in names
    ]
    return table(["token", "", "in this check", "open now"], rows, text=2, bars="open now")


def all_rows(told: Explanation) -> dict[str, Any]:
    """Every feature with every figure, for the grid."""
    return {
        "rows": [
            {
                "id": use.name,
                "branch": branch_text(use.branch),
                "family": spoken(use.family),
                "state": use.state,
                "advice": use.advice,
                **{name: plain(getattr(use, name)) for name in FIGURES},
            }
            for use in ranked(told.features)
        ]
    }


FIGURES = ("action", "value", "shap", "ablation", "spread", "drift")
"""Of FeatureUse, as columns of the grid."""


# ---------------------------------------------------------------- over the training
def over_time(kept: list[Digest]) -> Any:
    """Shares and soundness over the checks of a training."""
    if len(kept) < 2:
        return words("One check is no course: lines begin with the second.", "wait for it")
    newest = kept[-1]
    leaders = sorted(newest.shares, key=lambda name: -newest.shares[name])[:LINES]
    families = sorted(newest.families, key=lambda name: -newest.families[name])[:LINES]
    panels = [
        _panel("Share by branch", "share", kept, "branches", list(newest.branches), "Of the attribution of decisions"),
        _panel("Share by family", "share", kept, "families", families, "The largest families of the newest check"),
        _panel("Share by feature", "share", kept, "shares", leaders, "The strongest features of the newest check"),
        _panel("Features by state", "features", kept, "states", [State.DEAD, State.QUIET], "Dead and quiet features"),
        _panel("Adds up", "share", kept, "figures", ["delta"], "Largest gap between causes and what they explain"),
        _panel(
            "Agreement and randomised",
            "",
            kept,
            "figures",
            ["agreement", "randomised"],
            "Rank correlation with SHAP (high is good) and with random weights "
            f"(within {RANDOMISED_MOST:g} of 0 is good)",
        ),
        _panel("Better than chance", "", kept, "figures", ["faithfulness"], "Deletion and insertion, area over random"),
        _panel("Memory of a check", "MB", kept, "figures", ["memory_mb"], "Most that the process held"),
    ]
    return {"panels": [made for made in panels if made["series"]], "legend": True}


def _panel(title: str, unit: str, kept: list[Digest], group: str, names: list[str], hint: str) -> dict[str, Any]:
    one = len(names) == 1
    lines: list[dict[str, Any]] = []
    for i, name in enumerate(names):
        y = numbers(getattr(digest, group).get(name, math.nan) for digest in kept)
        if any(value is not None for value in y):
            label = branch_text(name) if group == "branches" else spoken(name)
            colour = "accent" if one else f"c{i % COLOURS}"
            lines.append({"name": label, "x": [digest.step for digest in kept], "y": y, "colour": colour})
    return panel(title, unit, lines, hint, exact=True)


# ---------------------------------------------------------------- what went wrong
def failed(why: Failure) -> str:
    """In words, with what to do."""
    when = dt.datetime.fromtimestamp(why.time, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    last = f" It said: {' | '.join(why.told)}." if why.told else ""
    often = f" {why.failures} checks have failed since the run began or went on." if why.failures > 1 else ""
    return (
        f"The check of step {why.step:,} came to nothing ({when}): it {why.why}.{last}{often} "
        "Training is not affected. What to do: explain.memory_mb and explain.time_limit_s say what a check may take."
    )
