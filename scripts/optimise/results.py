"""What a study has come to: a table of all, the best trial with the luck of all tries, pages with pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import optuna
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from rich.table import Table

from config.schema.optuna import StudyConfig
from config.studies import load_study, study_files, training_words
from scripts.optimise.attributes import FIGURES, LAST, OUTCOMES
from scripts.optimise.claims import counts
from scripts.optimise.export import best_of, export
from scripts.optimise.measures import deflated
from scripts.optimise.storages import SQLITE, open_storage
from scripts.optimise.studies import ABOUT, DEFINITION, find_study, finished, ranked
from scripts.output import out
from utils.atomic import write_text
from utils.errors import ModelError, nearest
from utils.logger import get_logger
from utils.paths import anchored, shown
from utils.web.text import share

log = get_logger(__name__)
INDEX = "index.html"


class Luck(NamedTuple):
    """What the best trial's score is worth after all that was tried."""

    tries: int
    """Trials of all studies on the same days that were judged."""
    deflated_sharpe: float
    """Probability that its Sharpe ratio on the validation days is more than the luck of the best of so many."""


def pnl_of(trial: FrozenTrial) -> npt.NDArray[np.float64] | None:
    """Net dollars per validation session, mean over the seeds, under the first conditions; None without a score."""
    outcomes: list[dict[str, Any]] = list(trial.user_attrs.get(OUTCOMES, {}).values())
    outcomes = outcomes or [one for one in [trial.user_attrs.get(LAST)] if one]
    return np.mean([next(iter(one.values()))["pnl"] for one in outcomes], axis=0) if outcomes else None


def luck(study: Study, best: FrozenTrial, storage: BaseStorage) -> Luck:
    """Of the best trial, counted over every study of the storage on the same days."""
    days = "days, split and features"
    alike = [
        other
        for other in optuna.get_all_study_summaries(storage, include_best_trial=False)
        if other.user_attrs.get(DEFINITION, {}).get(days) == study.user_attrs[DEFINITION][days]
    ]
    tries: list[npt.NDArray[np.float64]] = []
    for summary in alike:
        for trial in optuna.load_study(study_name=summary.study_name, storage=storage).get_trials(deepcopy=False):
            pnl = pnl_of(trial)
            if pnl is not None and (summary.study_name, trial.number) != (study.study_name, best.number):
                tries.append(pnl)
    ours = pnl_of(best)
    assert ours is not None, "a finished trial has a score"
    return Luck(len(tries) + 1, deflated([ours, *tries], 0))


# ---------------------------------------------------------------- tables
def storages(words: Sequence[str]) -> Iterator[tuple[str, BaseStorage]]:
    """The storage that the words name, else those of all study files that there are."""
    named = [word.partition("=")[2] for word in words if word.startswith("optuna.storage=")]
    wanted = named[-1:] or list(dict.fromkeys(load_study(name).storage for name in study_files()))
    for where in wanted:
        path = anchored(where.removeprefix(SQLITE))
        if named or ("://" in where and not where.startswith(SQLITE)) or path.is_file():
            yield where, open_storage(where)


def studies(words: Sequence[str]) -> list[tuple[Study, BaseStorage]]:
    """Every study, in the order in which they were begun."""
    found = [
        (optuna.load_study(study_name=known.study_name, storage=storage), storage)
        for _, storage in storages(words)
        for known in storage.get_all_studies()
    ]
    return [one for one in found if ABOUT in one[0].user_attrs]


def state_counts(study: Study) -> dict[str, int]:
    """Trials by what became of them."""
    trials = [trial for trial in study.get_trials(deepcopy=False) if counts(trial)]
    found = {state: sum(trial.state == state for trial in trials) for state in TrialState}
    return {state.name.lower(): count for state, count in found.items() if count}


def status_table(words: Sequence[str]) -> Table:
    """One row a study."""
    head = (
        "study",
        "done",
        "finished",
        "pruned",
        "running",
        "best, lower bound",
        "mean",
        "trial",
        "DSR after all tries",
    )
    table = Table(*head, title="studies: net $ per validation session")
    for study, storage in studies(words):
        about, known = study.user_attrs[ABOUT], state_counts(study)
        done = sum(known.get(name, 0) for name in ("complete", "pruned", "fail"))
        best = ranked(study)
        row = ["", "", "", ""]
        if best:
            found = luck(study, best[0], storage)
            figures = best[0].user_attrs[FIGURES]
            row = [
                f"{best[0].values[0]:+,.2f}",
                f"{figures['mean']:+,.2f}",
                str(best[0].number),
                f"{probability(found.deflated_sharpe)} of {found.tries}",
            ]
        counts_ = [str(known.get(name, 0)) for name in ("complete", "pruned", "running")]
        table.add_row(study.study_name, f"{done} of {about['trials']}", *counts_, *row)
    return table


def probability(value: float) -> str:
    """For people."""
    return "unknown" if math.isnan(value) else share(value)


# ---------------------------------------------------------------- the best
def tell_best(name: str, words: Sequence[str]) -> None:
    """Print the best trial of a study, write it as a configuration. Raises ModelError if there is no such study."""
    for where, storage in storages(words):
        if name in [one.study_name for one in storage.get_all_studies()]:
            study = find_study(storage, name, where)
            _show(study, storage)
            path = export(study, study.user_attrs[ABOUT]["base"], study.user_attrs[ABOUT]["steps"])
            out.print(f"written: {shown(path)}; run it with: ./fx train --config {path.stem}")
            return
    names = [study.study_name for study, _ in studies(words)]
    fix = f"use one of: {', '.join(names)}" if names else "./fx optuna-foundation begins the first one"
    raise ModelError(f"there is no study {name!r}", where="the storages", near=nearest(name, names), fix=fix)


def _show(study: Study, storage: BaseStorage) -> None:
    best = best_of(study)
    found = luck(study, best, storage)
    table = Table("parameter", "value", title=f"{study.study_name}: trial {best.number}")
    for key, value in best.params.items():
        table.add_row(key, f"{value:.6g}" if isinstance(value, float) else str(value))
    out.print(table)
    out.print(f"lower bound {best.values[0]:+,.2f} $ per validation session, {figures_line(best)}")
    out.print(luck_line(found))


def figures_line(best: FrozenTrial) -> str:
    """Mean, drawdown and trades in words."""
    figures = best.user_attrs[FIGURES]
    return (
        f"mean {figures['mean']:+,.2f} $, drawdown {figures['drawdown']:.1%}, "
        f"{figures['trips per session']:,.1f} round trips per session"
    )


def luck_line(found: Luck) -> str:
    """In a sentence."""
    return (
        f"DSR {probability(found.deflated_sharpe)}: probability that its Sharpe ratio on the validation days is more "
        f"than the luck of the best of all {found.tries} tries on them; 95 % is taken for skill"
    )


# ---------------------------------------------------------------- pages
def after_study(study: Study, config: StudyConfig, cache: str) -> None:
    """Say what came of it; write its page and, if it has a best, its configuration."""
    page = write_page(study, open_storage(config.storage), cache)
    if finished(study) and ranked(study):
        path = export(study, config.base, config.budget.steps)
        _show(study, open_storage(config.storage))
        out.print(f"written: {shown(path)}; run it with: ./fx train --config {path.stem}")
    out.print(f"pictures: {shown(page)}")


def write_page(study: Study, storage: BaseStorage, cache: str) -> Path:
    """The study's page below the cache; returns it."""
    from scripts.optimise.page import study_page  # heavy: matplotlib

    best = ranked(study)
    text = study_page(study, best[:10], luck_line(luck(study, best[0], storage)) if best else "")
    path = anchored(cache) / "optuna" / study.study_name / INDEX
    write_text(path, text)
    return path


def write_results(words: Sequence[str]) -> None:
    """The page of every study, and one that leads to them. Raises ModelError if there is none."""
    from config.compose import load_config
    from scripts.optimise.page import index_page

    found = studies(words)
    if not found:
        raise ModelError("there is no study yet", where="the storages", fix="./fx optuna-foundation begins one")
    cache = load_config("demo", training_words(words)).data.cache
    for study, storage in found:
        write_page(study, storage, cache)
    path = anchored(cache) / "optuna" / INDEX
    write_text(path, index_page([study for study, _ in found]))
    out.print(status_table(words))
    out.print(f"pictures: {shown(path)}")
