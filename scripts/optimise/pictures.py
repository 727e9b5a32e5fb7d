"""Pictures of a study, by Optuna, on one page that loads nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import optuna.visualization as draw
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from utils.logger import get_logger
from utils.web.page import PLOT_CONFIG

log = get_logger(__name__)
BOUND = "lower bound, $ per session"
LEAST = 2
"""Finished trials below which there is nothing to draw."""
WIDE = 6
"""Parameters on one picture: the most important ones."""


def pictures(study: Study) -> Iterator[tuple[str, str, str]]:
    """Title, what it shows, and a piece of HTML, for each picture that the study has enough trials for."""
    two = len(study.directions) > 1
    first: dict[str, Any] = {"target": lambda trial: trial.values[0], "target_name": BOUND}
    most = _most_important(study)
    made: list[tuple[str, str, Callable[[], Any]]] = [
        (
            "History",
            "The lower bound of every finished trial, and the best so far.",
            lambda: draw.plot_optimization_history(study, **first),
        ),
        (
            "Importances",
            "Share of the spread that each parameter explains (PED-ANOVA).",
            lambda: draw.plot_param_importances(study, evaluator=_evaluator(), target=_loss, target_name=BOUND),
        ),
        (
            "Slices",
            "Every finished trial by each of the most important parameters.",
            lambda: draw.plot_slice(study, params=most, **first),
        ),
        (
            "Parallel coordinates",
            "A line a trial through the most important parameters.",
            lambda: draw.plot_parallel_coordinate(study, params=most, **first),
        ),
        ("Time", "When each trial ran, and how it ended.", lambda: draw.plot_timeline(study)),
    ]
    if not two:
        made.insert(
            4,
            (
                "Pruning",
                "The lower bound on the way; lines that end early were pruned.",
                lambda: draw.plot_intermediate_values(study),
            ),
        )
    else:
        made.insert(
            0,
            (
                "Front",
                "Lower bound against drawdown: trials that no other beats in both.",
                lambda: draw.plot_pareto_front(study),
            ),
        )
    for title, about, figure in made:
        piece = _html(title, figure)
        if piece:
            yield title, about, piece


def _html(title: str, figure: Callable[[], Any]) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            drawn = figure()
    except (ValueError, RuntimeError, ZeroDivisionError) as why:  # too few trials, or all alike
        log.info("no picture %s: %s", title.lower(), why)
        return ""
    drawn.update_layout(title=None, margin={"t": 20}, width=None, autosize=True, height=420, template="plotly_white")
    return str(drawn.to_html(full_html=False, include_plotlyjs=False, config=PLOT_CONFIG))


def _evaluator() -> Any:
    from optuna.importance import PedAnovaImportanceEvaluator

    return PedAnovaImportanceEvaluator()


def _loss(trial: FrozenTrial) -> float:
    """What PED-ANOVA takes: less is better."""
    return -float(trial.values[0])


def importances(study: Study) -> dict[str, float]:
    """Share by parameter, the greatest first; empty for too few trials, or trials that are all alike."""
    from optuna.importance import get_param_importances

    if len({trial.values[0] for trial in _finished(study)}) < LEAST:
        return {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return get_param_importances(study, evaluator=_evaluator(), target=_loss)
    except (ValueError, RuntimeError, ZeroDivisionError):
        return {}


def _most_important(study: Study) -> list[str] | None:
    return list(importances(study))[:WIDE] or None


def _finished(study: Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
