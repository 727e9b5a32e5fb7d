"""Explanations whose every number can be told from every other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from metrics.explanation import (
    Attention,
    Cause,
    Cost,
    Curve,
    Decision,
    Explanation,
    FeatureUse,
    Redundant,
    Scale,
    State,
    Stratum,
)

ROWS = {"hf": 60, "mf": 30, "lf": 30}
"""Of the windows, by branch."""
STRETCHES = {"hf": (0, 1, 4, 11, 31), "mf": (0, 1, 6), "lf": (0, 1, 6)}
"""Nearest row back of each scale."""
UNITS = {"hf": "s", "mf": "min", "lf": "sessions"}
NEAREST = {"hf": "now", "mf": "last minute", "lf": "last session"}
HEADS = 4


class Made(NamedTuple):
    """A feature of the maker."""

    name: str
    branch: str
    family: str


FEATURES = (
    Made("ofi_10", "hf", "flow"),
    Made("return_5", "hf", "returns"),
    Made("volume_surge", "hf", "volume"),
    Made("spread_bps", "hf", "quotes"),
    Made("gain", "static", "levels"),
    Made("second_of_day", "static", "clock"),
    Made("rsi_14", "mf", "indicators"),
    Made("minute_range", "mf", "minute"),
    Made("gap", "lf", "daily"),
    Made("float_turnover", "lf", "daily"),
    Made("side", "portfolio", "portfolio"),
    Made("unrealised", "portfolio", "portfolio"),
    Made("always_zero", "hf", "tape"),
    Made("hardly_ever", "mf", "session"),
)
DEAD, QUIET = "always_zero", "hardly_ever"


def made_explanation(
    step: int = 1_000,
    features: Sequence[Made] = FEATURES,
    decisions: Sequence[Decision] = (),
    *,
    turn: int = 0,
    checks: int = 3,
) -> Explanation:
    """Shares fall from the first feature on, `turn` features further along: no two are alike; the last two are idle."""
    count = len(features)
    raw = {"action": 1.25, "value": 1.1, "shap": 1.2, "ablation": 1.05}
    shares = {name: _falling(count, power, turn if name != "value" else turn + 3) for name, power in raw.items()}
    idle = {features[-2].name: State.DEAD, features[-1].name: State.QUIET}
    uses = [
        FeatureUse(
            name=one.name,
            branch=one.branch,
            family=one.family,
            action=0.0 if one.name in idle else shares["action"][i],
            value=0.0 if one.name in idle else shares["value"][i],
            shap=0.0 if one.name in idle else shares["shap"][i],
            ablation=0.0 if one.name in idle else shares["ablation"][i],
            spread=0.0 if idle.get(one.name) == State.DEAD else 0.5 + 0.01 * i,
            drift=math.nan if one.branch == "portfolio" else 0.01 + 0.6 * (((i * 5 + turn) % count) / count) ** 4,
            state=idle.get(one.name, State.USED),
            advice=_advice(idle.get(one.name, State.USED), one.name),
        )
        for i, one in enumerate(features)
    ]
    scales = _scales(features)
    return Explanation(
        step=step,
        model=f"r{step // 512:06d}",
        strata={Stratum.ENTRY: 61, Stratum.EXIT: 57, Stratum.HOLD: 64, Stratum.FLAT: 74},
        features=uses,
        redundant=[Redundant(features[0].name, features[1].name, 0.987), Redundant("gap", "float_turnover", -0.964)],
        scales=scales,
        by_scale=[_over_scales(use, scales) for use in uses],
        lags={branch: _lags(uses, branch, 3 + turn) for branch in ROWS},
        attention=_attention(turn),
        gates={"hf": 0.931, "static": 0.812, "mf": 0.427, "lf": 0.023 + 0.01 * turn},
        delta=0.0042,
        agreement=0.913,
        randomised=0.071,
        curve=_curve(),
        decisions=list(decisions),
        cost=Cost(seconds=41.5, cpu_s=39.25, memory_mb=612.0, limit_mb=2_048.0),
        checks=checks,
    )


def made_decision(
    symbol: str, date: str, second: int, stratum: str, *, lane: int = 0, features: Sequence[Made] = FEATURES
) -> Decision:
    """Five causes that begin at the feature `second` names, with values and lags of their own."""
    first = second % (len(features) - 2)
    chosen = [features[(first + i) % (len(features) - 2)] for i in range(5)]
    causes = [
        Cause(
            one.name,
            round(1.25 - 0.5 * i + 0.01 * (second % 7), 3),
            (-1) ** i * round(0.31 / (i + 1), 4),
            2 * i + 1 if one.branch in ROWS else 0,
        )
        for i, one in enumerate(chosen)
    ]
    peaks = {"hf": second % 9 + 1, "mf": 2, "lf": 1}
    lags = {b: [s * w for s in _peaked(ROWS[b], peaks[b])] for b, w in (("hf", 0.62), ("mf", 0.21), ("lf", 0.05))}
    action = 7 if stratum == Stratum.ENTRY else 11 if stratum == Stratum.EXIT else 0
    return Decision(symbol, date, second, lane, stratum, action, 2.31, causes, lags)


def _falling(count: int, power: float, turn: int) -> list[float]:
    """Shares that sum to 1 over all but the last two, the largest at `turn`."""
    live = count - 2
    weights = [((i - turn) % live + 1) ** -power for i in range(live)]
    return [weight / sum(weights) for weight in weights] + [0.0, 0.0]


def _advice(state: State, name: str) -> str:
    if state == State.DEAD:
        return f"leave it out: feature.exclude=[{name}]"
    return "look again after the next check" if state == State.QUIET else ""


def _scales(features: Sequence[Made]) -> list[Scale]:
    made: list[Scale] = []
    for branch, starts in STRETCHES.items():
        ends = [*(start - 1 for start in starts[1:]), ROWS[branch] - 1]
        made += [
            Scale(branch, first, last, NEAREST[branch] if last == 0 else f"{first}-{last} {UNITS[branch]}")
            for first, last in zip(starts, ends, strict=True)
        ]
    others = dict.fromkeys(one.branch for one in features if one.branch not in ROWS)
    return made + [Scale(branch, 0, 0, "now") for branch in others]


def _over_scales(use: FeatureUse, scales: Sequence[Scale]) -> list[float]:
    own = [i for i, scale in enumerate(scales) if scale.branch == use.branch]
    weights = {i: 1.0 / (n + 1 + len(use.name) % 3) for n, i in enumerate(own)}
    whole = sum(weights.values())
    return [use.action * weights.get(i, 0.0) / whole for i in range(len(scales))]


def _peaked(rows: int, back: int) -> list[float]:
    """Shares by row, oldest first, that sum to 1 with their peak `back` rows before the end."""
    weights = [math.exp(-abs(rows - 1 - i - back) / (rows / 10)) for i in range(rows)]
    return [weight / sum(weights) for weight in weights]


def _lags(uses: Sequence[FeatureUse], branch: str, back: int) -> list[float]:
    whole = sum(use.action for use in uses if use.branch == branch)
    return [whole * share for share in _peaked(ROWS[branch], back)]


def _attention(turn: int) -> dict[str, Attention]:
    made: dict[str, Attention] = {}
    for b, (branch, rows) in enumerate(ROWS.items()):
        backs = [1 + 4 * head + b + turn for head in range(HEADS)]
        weights = [_peaked(rows, back) for back in backs]
        lag = [sum(w * (rows - 1 - i) for i, w in enumerate(row)) for row in weights]
        made[branch] = Attention(weights, [0.4 + 0.1 * head + 0.02 * b for head in range(HEADS)], lag)
    tokens = [[0.1 + 0.1 * ((head + i) % 5) for i in range(5)] for head in range(HEADS)]
    made["fusion"] = Attention(
        [[w / sum(row) for w in row] for row in tokens], [0.71 + 0.03 * head for head in range(HEADS)], [0.0] * HEADS
    )
    return made


def _curve() -> Curve:
    removed = [i / 10 for i in range(11)]
    return Curve(
        removed=removed,
        deletion=[(1 - x) ** 3 for x in removed],
        insertion=[1 - (1 - x) ** 3 for x in removed],
        random_deletion=[1 - x for x in removed],
        random_insertion=[x**1.1 for x in removed],
    )
