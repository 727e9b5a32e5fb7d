"""An explanation as people read it: sums, lags and judgements in words, the same on the dashboard and in reports."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from metrics.explanation import Cause, Curve, Decision, Explanation, FeatureUse, Scale, State
from utils.web.text import DASH, share, signed

ROW_UNITS = {"hf": "s", "mf": "min", "lf": "sessions"}
"""What a row back is, by branch; other branches have the row of the decision only."""
ROW_NAMES = {"hf": "second", "mf": "minute", "lf": "session"}
COMPLETED = ("mf", "lf")
"""Their newest row is over when one decides."""
BRANCH_NAMES = {
    "hf": "seconds",
    "mf": "minutes",
    "lf": "sessions",
    "static": "this second",
    "portfolio": "own position",
    "fusion": "what is asked",
}
"""Of branches and of what joins them, in words; in this order."""
TOKENS = ("hf", "static", "mf", "lf", "portfolio")
"""What the last attention looks at, in the order of ai.fusion.Token."""
PSI_MOVED, PSI_OTHER = 0.1, 0.25
"""Population stability index: below the first nothing to speak of; above the second another population."""
DELTA_MOST, AGREEMENT_LEAST, RANDOMISED_MOST = 0.01, 0.7, 0.5
"""What speaks for an explanation: a gap of 1 % at most, a second method that ranks the features alike, and attributions
that a network with random weights does not give too; a part of them it always gives: some inputs vary more than others.
"""
Target = Literal["action", "value", "shap", "ablation"]


def row_text(branch: str, back: int) -> str:
    """ "now", "3 s back", "last minute", "2 min back", "last session", "1 session back"."""
    unit = ROW_UNITS.get(branch)
    if back <= 0 or unit is None:
        return f"last {ROW_NAMES[branch]}" if branch in COMPLETED else "now"
    return f"{back} {ROW_NAMES[branch] if branch == 'lf' and back == 1 else unit} back"


def ages_of(branch: str) -> str:
    """Over the scales of a branch: "seconds back"; "this second" where there is one only."""
    name = BRANCH_NAMES.get(branch, branch)
    return f"{name} back" if branch in ROW_UNITS else name


def age_text(scale: Scale) -> str:
    """A scale below `ages_of`, which says the unit: "now", "1-3", "last"."""
    first, _, rest = scale.text.partition(" ")
    return "last" if first == "last" else first if rest in (*ROW_UNITS.values(), *ROW_NAMES.values()) else scale.text


def branch_text(branch: str) -> str:
    """In words, with the name that configuration and code use."""
    words = BRANCH_NAMES.get(branch)
    return f"{words} ({branch})" if words and branch in ROW_UNITS else words or branch


def spoken(name: str) -> str:
    """A name of the code in words."""
    return name.replace("_", " ")


def percent(value: float) -> str:
    """A share with as many digits as it takes to tell small ones apart; a dash if it is not known."""
    return share(value, 0 if abs(value) >= 0.1 else 1 if abs(value) >= 0.01 else 2) if math.isfinite(value) else DASH


def ranked(features: Iterable[FeatureUse], by: Target = "action") -> list[FeatureUse]:
    """Those that matter most first; what is not known last."""
    return sorted(features, key=lambda use: -getattr(use, by) if math.isfinite(getattr(use, by)) else math.inf)


def branches_of(features: Iterable[FeatureUse]) -> list[str]:
    """In the order of BRANCH_NAMES, others after them."""
    order = list(BRANCH_NAMES)
    found = dict.fromkeys(use.branch for use in features)
    return sorted(found, key=lambda branch: (order.index(branch) if branch in order else len(order), branch))


def summed(
    features: Iterable[FeatureUse], group: Literal["branch", "family"], by: Target = "action"
) -> dict[str, float]:
    """Share by branch or family, the largest first."""
    sums: dict[str, float] = {}
    for use in features:
        sums[getattr(use, group)] = sums.get(getattr(use, group), 0.0) + getattr(use, by)
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def half_of(shares: Sequence[float]) -> int:
    """Rows back within which half of the whole lies, counted from the newest; shares: oldest first."""
    whole, seen = sum(shares), 0.0
    for back, value in enumerate(reversed(shares)):
        seen += value
        if seen >= whole / 2:
            return back
    return len(shares) - 1


def lag_sentence(branch: str, shares: Sequence[float]) -> str:
    """Where one looks back to: the peak, and how far half of it reaches."""
    if not sum(shares):
        return f"{branch_text(branch)}: nothing"
    peak = len(shares) - 1 - max(range(len(shares)), key=lambda i: shares[i])
    half = half_of(shares)
    reach = f"half of it {'within ' if half else ''}{row_text(branch, half).removesuffix(' back')}"
    return f"{branch_text(branch)}: {percent(sum(shares))} of all, most {row_text(branch, peak)}, {reach}"


def in_need(features: Iterable[FeatureUse]) -> list[FeatureUse]:
    """Those that are dead or quiet, or that something is advised about; dead ones first, then what matters most."""
    order = {State.DEAD: 0, State.QUIET: 1}
    found = [use for use in features if use.advice or use.state != State.USED]
    return sorted(found, key=lambda use: (order.get(State(use.state), 2), -use.action, use.name))


def drift_text(index: float) -> str:
    """A population stability index in words."""
    if not math.isfinite(index):
        return "not known"
    return "alike" if index < PSI_MOVED else "moved" if index < PSI_OTHER else "different"


# ---------------------------------------------------------------- whether to believe it
class Finding(NamedTuple):
    """Something that speaks for or against an explanation."""

    name: str
    figure: str
    good: bool | None
    """None: not asked, or not known."""
    text: str
    """What it means."""
    against: str
    """What is wrong if it does not hold."""


def findings(told: Explanation) -> list[Finding]:
    """What speaks for and against it."""
    found = [
        _finding(
            "Adds up",
            told.delta,
            f"{100 * told.delta:.2g} % off",
            told.delta <= DELTA_MOST,
            f"the causes of a decision sum to what they explain, to within {share(DELTA_MOST)} at worst",
            "causes do not add up",
        ),
        _finding(
            "A second method agrees",
            told.agreement,
            f"{told.agreement:+.2f}",
            told.agreement >= AGREEMENT_LEAST,
            "rank correlation over the features of integrated gradients with SHAP's GradientExplainer: "
            f"{AGREEMENT_LEAST:g} or more",
            "SHAP says otherwise",
        ),
        _finding(
            "It is about this network",
            told.randomised,
            f"{told.randomised:+.2f}",
            abs(told.randomised) <= RANDOMISED_MOST,
            f"rank correlation with the same network at random weights: within {RANDOMISED_MOST:g} of 0, else it shows "
            "the inputs and not what was learnt",
            "a random network says much the same",
        ),
    ]
    gain = faithfulness(told.curve) if told.curve else math.nan
    text = "taking the inputs away in this order changes decisions faster than in random order"
    return [*found, _finding("The order is right", gain, signed(gain, ".2f"), gain > 0, text, "no better than chance")]


def _finding(name: str, value: float, figure: str, good: bool, text: str, against: str) -> Finding:
    known = math.isfinite(value)
    return Finding(name, figure if known else DASH, good if known else None, text, against)


def verdict(told: Explanation) -> tuple[str, bool | None]:
    """One word for all findings, and whether it is a good one."""
    judged = [finding.good for finding in findings(told)]
    if False in judged:
        return "doubtful", False
    return ("sound", True) if None not in judged else ("partly checked", None)


def faithfulness(curve: Curve) -> float:
    """Area between random and own order, mean of deletion and insertion: above 0 is better than chance."""
    deletion = _area(curve.removed, curve.random_deletion) - _area(curve.removed, curve.deletion)
    insertion = _area(curve.removed, curve.insertion) - _area(curve.removed, curve.random_insertion)
    return (deletion + insertion) / 2


def _area(x: Sequence[float], y: Sequence[float]) -> float:
    """By trapezia."""
    steps = zip(x, x[1:], y, y[1:], strict=False)
    return sum((right - left) * (high + low) / 2 for left, right, low, high in steps)


# ---------------------------------------------------------------- single decisions
def found_decision(
    decisions: Iterable[Decision],
    symbol: str,
    date: str,
    seconds: tuple[int, int],
    stratum: str,
    lane: int,
) -> Decision | None:
    """The last decision of a lane within `seconds`, both included, that was of `stratum`."""
    fitting = [
        one
        for one in decisions
        if (one.symbol, one.date, one.lane, one.stratum) == (symbol, date, lane, stratum)
        and seconds[0] <= one.second <= seconds[1]
    ]
    return max(fitting, key=lambda one: one.second, default=None)


def cause_rows(decision: Decision, branches: Mapping[str, str]) -> list[tuple[str, str, str, float]]:
    """Feature, its value, how far back it mattered most, signed share. branches: of every feature by name."""
    return [_cause_row(cause, branches.get(cause.name, "")) for cause in decision.causes]


def _cause_row(cause: Cause, branch: str) -> tuple[str, str, str, float]:
    return spoken(cause.name), signed(cause.value, ".3g"), row_text(branch, cause.lag), cause.share


def looked_back(decision: Decision) -> str:
    """How far back a decision looked, by branch."""
    parts = [
        f"{branch_text(branch)} {percent(sum(shares))}, most {row_text(branch, _peak(shares))}"
        for branch, shares in decision.lags.items()
        if sum(shares) > 0
    ]
    return "; ".join(parts)


def _peak(shares: Sequence[float]) -> int:
    return len(shares) - 1 - max(range(len(shares)), key=lambda i: shares[i])
