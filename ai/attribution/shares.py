"""From attributions to shares: by feature, time scale and row, of all decisions and of one.

Attributions of a feature are summed over its rows before their size is taken: what two neighbouring rows say against
each other is no say of the feature. Sizes are averaged over decisions.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ai.attribution.case import PORTFOLIO, Floats
from ai.attribution.gradients import Attributions
from metrics.explanation import Cause, Scale

_EDGES = {"hf": (0, 1, 4, 11, 31), "mf": (0, 1, 5, 15), "lf": (0, 1, 5, 20)}
"""First rows back of the time scales, nearest first."""
_UNITS = {"hf": "s", "mf": "min", "lf": "sessions"}
_NOW = {"hf": "now", "mf": "last minute", "lf": "last session", "static": "now", PORTFOLIO: "now"}

Doubles = npt.NDArray[np.float64]


def shares(sizes: npt.NDArray[np.floating]) -> Doubles:
    """Sizes [F] as shares of their sum; zeros if that is 0."""
    total = sizes.sum(dtype=np.float64)
    return sizes / total if total > 0 else np.zeros(len(sizes))


def mean_size(attributions: Attributions) -> Doubles:
    """[features]: mean over decisions of the absolute sum over time."""
    return np.abs(attributions.by_feature).mean(0, dtype=np.float64)


def by_row(attributions: Attributions) -> dict[str, list[float]]:
    """By branch with rows of time: what each row has of the share of the branch, oldest first."""
    shared, first = shares(mean_size(attributions)), 0
    found: dict[str, list[float]] = {}
    for branch, part in attributions.timed.items():
        last = first + part.shape[2]
        sized = np.abs(part).sum(2, dtype=np.float64).mean(0)
        found[branch] = (shares(sized) * shared[first:last].sum()).tolist()
        first = last
    return found


def time_scales(attributions: Attributions) -> list[Scale]:
    """Stretches of rows by branch, as far as the network sees."""
    found = []
    for branch, part in attributions.timed.items():
        count = part.shape[1]
        edges = [*(edge for edge in _EDGES[branch] if edge < count), count]
        for first, stop in itertools.pairwise(edges):
            span = f"{first}-{stop - 1} {_UNITS[branch]}" if stop - first > 1 else f"{first} {_UNITS[branch]}"
            found.append(Scale(branch, first, stop - 1, span if first else _NOW[branch]))
    return [*found, *(Scale(branch, 0, 0, _NOW[branch]) for branch in ("static", PORTFOLIO))]


def by_scale(attributions: Attributions, columns: Sequence[tuple[str, int]], scales: Sequence[Scale]) -> Doubles:
    """[features, scales]: the share of each feature, divided in proportion to what its rows of a scale sum to."""
    whole = shares(mean_size(attributions))
    found = np.zeros((len(columns), len(scales)))
    for row, (branch, column) in enumerate(columns):
        mine = [at for at, scale in enumerate(scales) if scale.branch == branch]
        if branch not in attributions.timed:
            found[row, mine] = whole[row]
            continue
        back = attributions.timed[branch][:, ::-1, column]
        sums = [np.abs(back[:, scales[at].first : scales[at].last + 1].sum(1)).mean(dtype=np.float64) for at in mine]
        found[row, mine] = whole[row] * shares(np.array(sums))
    return found


def lag_of_features(attributions: Attributions) -> list[int]:
    """Rows back where each feature mattered most; 0 for those without rows of time."""
    found: list[int] = []
    for part in attributions.timed.values():
        found += np.abs(part[:, ::-1]).mean(0).argmax(0).tolist()
    return found + [0] * (attributions.static.shape[1] + attributions.portfolio.shape[1])


def causes(one: Attributions, now: Floats, names: Sequence[str], most: int) -> list[Cause]:
    """The strongest causes of one decision; now [features]: values to tell, see `ai.attribution.case.Case`."""
    signed = one.by_feature[0].astype(np.float64)
    total, lags = np.abs(signed).sum(), lag_of_features(one)
    strongest = [f for f in np.argsort(-np.abs(signed), kind="stable")[:most].tolist() if signed[f]]
    return [Cause(str(names[f]), float(now[f]), float(signed[f] / total), lags[f]) for f in strongest]
