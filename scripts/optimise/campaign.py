"""Three phases one after the other, then the best configuration against the defaults on the test days.

Everything is resumable: trials in their storage, the final trainings by `scripts.seed_runs`. The same command goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import optuna
from optuna.study import Study

from agent.statistics.luck import Tried, deflated_sharpe
from agent.trials import tried
from config.compose import load_config
from config.schema import Config
from config.schema.optuna import StudyConfig
from config.studies import load_study, training_words
from scripts.optimise.attributes import PLACES
from scripts.optimise.commands import PHASES, cache_of, optimise_file, study_of, transfer_files
from scripts.optimise.export import export
from scripts.optimise.report import write_report
from scripts.optimise.results import write_results
from scripts.optimise.storages import open_storage
from scripts.optimise.transfer import transfer_file
from scripts.output import out
from scripts.pipeline import Market, open_market
from scripts.seed_results import HeldOut, Pooled, SeedResult
from scripts.seed_runs import seed_runs
from scripts.trials import trial_ledger
from utils.logger import get_logger

log = get_logger(__name__)
TUNED, DEFAULT = "tuned", "defaults"


class Final(NamedTuple):
    """The tuned configuration and the defaults on the test days; dollars are net per session."""

    tuned: Pooled
    default: Pooled
    lead: Pooled
    """Session by session, seed by seed."""
    baselines: dict[str, float]
    """Mean per session of each, beside the tuned one."""
    seeds: int
    sessions: int
    days: int
    steps: int
    tries: Tried
    deflated_sharpe: float
    synthetic: bool


def campaign(words: Sequence[str], *, seeds: int, docs: bool) -> None:
    """Phases, transfers, test days, pages. Raises KeyboardInterrupt when it is stopped, FxError for what cannot be."""
    for number, phase in enumerate(PHASES):
        if number and not _begun(phase, words):
            transfer_files(PHASES[number - 1], phase, words)
        log.info("phase %d of %d: %s", number + 1, len(PHASES), phase)
        optimise_file(phase, words)
    configs = [study_of(phase, words) for phase in PHASES]
    studies = [optuna.load_study(study_name=one.name, storage=open_storage(one.storage)) for one in configs]
    final = compare(configs[-1], studies[-1], words, seeds)
    write_results(words)
    path = write_report(final, configs, studies, Path(cache_of(configs[0].base, words)), docs=docs)
    out.print(f"the whole: {path}")


def _begun(phase: str, words: Sequence[str]) -> bool:
    """Whether what the study takes over is in use: another transfer would change what its values mean."""
    study = load_study(phase, words)
    known = [one.study_name for one in open_storage(study.storage).get_all_studies()]
    return transfer_file(cache_of(study.base, words), phase).is_file() and study.name in known


def compare(study: StudyConfig, done: Study, words: Sequence[str], seeds: int) -> Final:
    """Train both with several seeds and equal steps, trade the test days with each, under today's costs."""
    own = training_words(words)
    plain = [*load_study("quick_search").words, f"training.total_steps={study.budget.steps}"]
    base = load_config(study.base, [*plain, *own])
    path = export(done, study.base, study.budget.steps)
    tuned = load_config(path.stem, [word for word in own if word.partition("=")[0] in PLACES])  # it has the others
    market = open_market(base)
    held_out = HeldOut(base, market)
    results = {
        name: [held_out.judged(run) for run in seed_runs(_placed(config, base, name, study), market, seeds)]
        for name, config in ((DEFAULT, base), (TUNED, tuned))
    }
    return _final(results[TUNED], results[DEFAULT], base, market, study.budget.steps)


def _placed(config: Config, base: Config, name: str, study: StudyConfig) -> Config:
    """With models of its own; the last weights are tested, so nothing is scored on the way."""
    training = replace(config.training, evaluate_every=0, patience=0, time_limit_s=0.0)
    folder = str(Path(base.data.cache) / "optuna" / study.name / name)
    return replace(config, name=f"{study.name}-{name}".replace("_", "-"), models=folder, training=training)


def _final(
    tuned: Sequence[SeedResult], default: Sequence[SeedResult], config: Config, market: Market, steps: int
) -> Final:
    draws, seed = config.backtest.bootstrap_draws, config.seed
    ours, theirs = _pnl(tuned), _pnl(default)
    tries = tried(trial_ledger(config, market.split.hash).read(), ours.shape[1])
    return Final(
        tuned=Pooled.of(ours, draws, seed),
        default=Pooled.of(theirs, draws, seed),
        lead=Pooled.of(ours - theirs, draws, seed),
        baselines={
            name: float(np.mean([result.baselines[name].mean() for result in tuned])) for name in tuned[0].baselines
        },
        seeds=len(tuned),
        sessions=ours.shape[1],
        days=tuned[0].days,
        steps=steps,
        tries=tries,
        deflated_sharpe=deflated_sharpe(ours.mean(axis=0), tries),
        synthetic=market.synthetic,
    )


def _pnl(results: Sequence[SeedResult]) -> npt.NDArray[np.float64]:
    """[seeds, sessions]"""
    return np.array([result.agent for result in results])
