"""A whole check of a policy: everything an explanation says, from decisions and days to `metrics.explanation`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ai.attribution.ablation import ablated, exercised
from ai.attribution.attention import attention
from ai.attribution.case import PORTFOLIO, Case, Decisions, Floats, Inputs, Opinion, Target, open_case
from ai.attribution.faithfulness import curves, randomised, rank_correlation, rank_correlation_within
from ai.attribution.gradients import Attributions, integrated
from ai.attribution.rows import drawn, drift, latest_rows, redundant, spread
from ai.attribution.shap_values import gradient_shap, others
from ai.attribution.shares import Doubles, by_row, by_scale, causes, mean_size, shares, time_scales
from ai.attribution.use import Evidence, advice, quiet, states
from ai.feature_store import TensorStore
from ai.policy import MarketPolicy
from feature.feature_day import BRANCHES
from feature.portfolio import PORTFOLIO as ACCOUNT
from metrics.explanation import Cost, Decision, Explanation, FeatureUse, Redundant
from utils.errors import ModelError
from utils.seeding import key, stream

SAMPLED = 4_096
"""Rows of the training days that tell how features are spread."""
CURVED = 32
"""Decisions of the curves and of the network with random weights."""
POINTS_OF_SHAP = 32
"""Drawn on the ways to each decision."""
BACKGROUND = 64
"""Decisions that those ways start from."""
CAUSES = 12
"""Told of every decision."""


class Effort(NamedTuple):
    """How much is done; see `config.schema.ExplainConfig`."""

    steps: int
    batch: int
    shap: int
    dead_share: float
    dead_checks: int
    redundant: float


class Subject(NamedTuple):
    """What is explained."""

    policy: MarketPolicy
    """Reads `store` by index."""
    store: TensorStore
    names: Mapping[str, Sequence[str]]
    """Features by branch, in the order of their columns (`FeatureSchema.names`)."""
    families: Mapping[str, str]
    """Of features by name; those of the account need none."""
    training: TensorStore | None
    """The training days, or some of them; None: those of `store`."""
    seen: npt.NDArray[np.integer[Any]] | None
    """[m, 2] moments of `store` that the lanes were at; None: their drift is not known."""


def explain(
    subject: Subject,
    decisions: Decisions,
    effort: Effort,
    *,
    seed: int,
    step: int,
    model: str,
    earlier: Sequence[Explanation],
    cost: Callable[[], Cost],
    tell: Callable[[str], None],
) -> Explanation:
    """Explain `decisions` of the subject's policy. Deterministic by `seed`; at most `effort.batch` rows go through the
    network at once.

    earlier: checks of the same run, the oldest first; cost: asked at the end; tell: what is being done, for progress.
    Raises ModelError if there are no decisions, or names don't fit the network.
    """
    if not len(decisions.action):
        raise ModelError("there are no decisions to explain", fix="explain a day on which the policy decides something")
    names = _names(subject)
    tell("integrated gradients")
    opinion, case = Opinion(subject.policy), open_case(subject.policy, subject.store, decisions)
    action, value = (
        integrated(opinion, case, target=target, steps=effort.steps, batch=effort.batch) for target in Target
    )
    tell("ablation")
    removed = np.abs(ablated(opinion, case, Target.ACTION, effort.batch)).mean(0, dtype=np.float64)
    tell("SHAP")
    by_shap, agreement = _compared(opinion, case, action, effort, seed)
    tell("training days")
    uses, pairs = _uses(subject, names, case, effort, seed, earlier, (action, value, removed, by_shap))
    tell("faithfulness")
    some = stream(seed, "explain", "curves").permutation(len(case))[:CURVED]
    few = case.chosen(some)
    curve = curves(opinion, few, action.by_feature[some], batch=effort.batch, chance=stream(seed, "explain", "orders"))
    tell("attention")
    looked, gates = attention(subject.policy, decisions, effort.batch)
    scales = time_scales(action)
    return Explanation(
        step=step,
        model=model,
        strata=dict(Counter(map(str, decisions.strata))),
        features=uses,
        redundant=pairs,
        scales=scales,
        by_scale=by_scale(action, case.inputs.columns, scales).tolist(),
        lags=by_row(action),
        attention=looked,
        gates=gates,
        delta=float(max(action.delta.max(), value.delta.max())),
        agreement=agreement,
        randomised=_at_random(opinion, few, action.by_feature[some], effort, seed),
        curve=curve,
        decisions=_told(subject.store, decisions, action, case.now, names),
        cost=cost(),
        checks=min(len(earlier) + 1, effort.dead_checks),
    )


def _names(subject: Subject) -> list[str]:
    found = [name for branch in BRANCHES for name in subject.names[branch]]
    expected = sum(subject.store.sizes)
    if len(found) != expected:
        raise ModelError(f"{len(found)} names of features were given, the network reads {expected}")
    return [*found, *(column.name for column in ACCOUNT)]


def _compared(opinion: Opinion, case: Case, action: Attributions, effort: Effort, seed: int) -> tuple[Doubles, float]:
    """Shares by SHAP, and its rank correlation with integrated gradients of the same decisions; nan if not asked."""
    if not effort.shap:
        return np.full(action.by_feature.shape[1], np.nan), float("nan")
    rows = np.sort(stream(seed, "explain", "shap").permutation(len(case))[: effort.shap])
    background: Inputs = others(case, BACKGROUND, stream(seed, "explain", "background"))
    found = gradient_shap(
        opinion,
        case,
        rows,
        background=background,
        samples=POINTS_OF_SHAP,
        batch=effort.batch,
        seed=key(seed, "explain", "points"),
    )
    sizes = np.abs(found).mean(0, dtype=np.float64)
    return shares(sizes), rank_correlation(sizes, np.abs(action.by_feature[rows]).mean(0, dtype=np.float64))


def _uses(
    subject: Subject,
    names: Sequence[str],
    case: Case,
    effort: Effort,
    seed: int,
    earlier: Sequence[Explanation],
    sizes: tuple[Attributions, Attributions, Doubles, Doubles],
) -> tuple[list[FeatureUse], list[Redundant]]:
    """Every feature with its state, and the pairs that say nearly the same."""
    action, value, removed, by_shap = sizes
    columns = case.inputs.columns
    branches = [branch for branch, _ in columns]
    days = subject.training or subject.store
    rows = latest_rows(subject.policy, days, drawn(days, SAMPLED, stream(seed, "explain", "rows")))
    account = case.inputs.portfolio.cpu().numpy()
    pairs = redundant(rows, columns[: rows.shape[1]], names, effort.redundant)
    moved = np.full(len(names), np.nan)
    if subject.seen is not None:
        moved[: rows.shape[1]] = drift(rows, latest_rows(subject.policy, subject.store, subject.seen))
    use = Evidence(
        branches=branches,
        action=shares(mean_size(action)),
        value=shares(mean_size(value)),
        ablation=shares(removed),
        spread=np.concatenate([spread(rows), spread(account)]),
        moved=_moved(case),
        exercised=exercised(case),
    )
    told = states(names, quiet(use, effort.dead_share), earlier, effort.dead_checks)
    advised = advice(names, use, told, pairs, moved)
    figures = (use.action, use.value, by_shap, use.ablation, use.spread, moved)
    found: list[FeatureUse] = []
    for at, (name, branch) in enumerate(zip(names, branches, strict=True)):
        family = PORTFOLIO if branch == PORTFOLIO else subject.families.get(name, "")
        action_, value_, shap_, ablation_, spread_, drift_ = (float(part[at]) for part in figures)
        found.append(
            FeatureUse(
                name, branch, family, action_, value_, shap_, ablation_, spread_, drift_, str(told[at]), advised[at]
            )
        )
    return found, pairs


def _moved(case: Case) -> npt.NDArray[np.bool_]:
    """[features]: whether it is not the same in all rows of all decisions."""
    parts = [part.flatten(0, -2) for part in case.inputs]
    return np.concatenate([(part != part[:1]).any(0).cpu().numpy() for part in parts])


def _at_random(opinion: Opinion, few: Case, signed: Floats, effort: Effort, seed: int) -> float:
    """Rank correlation, within branches, with the attributions of the same network at random weights."""
    drawn_anew = randomised(opinion, key(seed, "explain", "weights"))
    found = integrated(drawn_anew, few, target=Target.ACTION, steps=effort.steps, batch=effort.batch)
    branches = [branch for branch, _ in few.inputs.columns]
    return rank_correlation_within(mean_size(found), np.abs(signed).mean(0, dtype=np.float64), branches)


def _told(
    store: TensorStore, decisions: Decisions, action: Attributions, now: Floats, names: Sequence[str]
) -> list[Decision]:
    found: list[Decision] = []
    for row, stratum in enumerate(decisions.strata):
        day, second = decisions.index[row].tolist()
        symbol, date = store.names[day].rsplit(" ", 1)
        one = action.chosen(slice(row, row + 1))
        found.append(
            Decision(
                symbol=symbol,
                date=date,
                second=second,
                lane=int(decisions.lane[row]),
                stratum=str(stratum),
                action=int(decisions.action[row]),
                target=float(action.of[row]),
                causes=causes(one, now[row], names, CAUSES),
                lags=by_row(one),
            )
        )
    return found
