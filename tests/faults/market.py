"""What faults happen to: a few real files, a training and a backtest of seconds, and what they give undisturbed."""

from __future__ import annotations

import functools
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import optuna
from optuna.trial import TrialState

from tests.faults import whole
from tests.faults.process import Ended, run
from tests.faults.registry import promise
from tests.support.small_market import SHARED, made_once, places, small, tiny_training

SYMBOL = "MLGO"
DATES = ("2025-04-17", "2025-04-25", "2025-04-30")
"""Days that are cheap to build, with a tape."""
SEARCH = "optuna_optimization"
"""The program of `search_words`."""
PLACE = "Börse ünï 株 1"
"""All of it happens in such a folder: no name is too odd, and spaces are no ends."""
SHORT = [
    "dashboard.enabled=never",
    "env.decision_interval_s=60",
    "backtest.tune_days=1",
    "backtest.rule.entry=[vwap]",
    "backtest.rule.stop=[0.05]",
    "backtest.rule.target=[0.15]",
    "backtest.rule.hold_s=[600]",
    "backtest.last_second=30000",
    "metrics.sinks=[csv,store]",
    "training.total_steps=2048",
    "training.evaluate_every=0",
    "training.patience=0",
    "training.checkpoint_every_s=0.001",
]


class Undisturbed(NamedTuple):
    """What comes out where nothing goes wrong."""

    result: dict[str, str]
    """Digests by file."""
    bytes: int
    """What is written."""
    cpu_s: float
    """Its moments are told in seconds of computing: however busy the machine is, they are the same moments."""


def quoted(path: Path) -> str:
    """A path with spaces as a word of the command line."""
    return "'" + str(path) + "'"


def within(folder: Path) -> Path:
    """The folder in it with the odd name."""
    (folder / PLACE).mkdir(parents=True, exist_ok=True)
    return folder / PLACE


@functools.cache
def files() -> Path:
    """Three days of one symbol, as a user would have them."""
    sample = made_once() / "sample"
    folder = Path(tempfile.mkdtemp(dir=os.environ[SHARED], prefix="files-")) / PLACE
    folder.mkdir()
    for date in DATES:
        for schema in ("mbp-1", "status"):
            name = f"{date}.{schema}.dbn.zst"
            os.link(sample / SYMBOL.lower() / name, folder / f"{SYMBOL} {name}")
    for path in (*(sample / "daily").iterdir(), sample / "reference.csv"):
        os.link(path, folder / path.name)
    return folder


# ---------------------------------------------------------------- the index
def index_words(folder: Path, data: Path | None = None) -> list[str]:
    """`build_index` of `files`, everything it writes below `folder`."""
    told = [word.partition("=") for word in places(folder)]
    words = [f"{key}={quoted(Path(value))}" for key, _, value in told if key != "data.folder"]
    every = ["scanner.candidate_min_range=0", "scanner.candidate_min_rvol=0"]
    source = [f"data.folder={quoted(data or files())}", "data.source=files", f"symbols=[{SYMBOL}]"]
    return ["--config", "build_index", *words, *every, *source]


def index_of(folder: Path) -> dict[str, str]:
    """The index and the arrays of the days in it, to the last byte; without the keys that they are kept under."""
    found = whole.content(folder / "cache", "index/*.parquet", "days/*/*/arrays.bin")
    return {re.sub(r"-[0-9a-f]{16}/", "/", name): digest for name, digest in found.items()}


@functools.cache
def undisturbed_index() -> Undisturbed:
    """Of `index_words`."""
    folder = within(Path(tempfile.mkdtemp(dir=os.environ[SHARED], prefix="index-")))
    done = fine(run("main", index_words(folder)))
    whole.check(folder)
    promise(len(index_of(folder)) == len(DATES) + 2, "the index is empty", done.said)
    return Undisturbed(index_of(folder), whole.size(folder), done.cpu_s)


# ---------------------------------------------------------------- training and backtest
def training_words(folder: Path, *more: str) -> list[str]:
    """`quick` on the small market, whose days and features are in the cache; four rollouts."""
    return ["--config", "quick", *_on_small(folder), *more]


def backtest_words(folder: Path, *more: str) -> list[str]:
    """`backtest` of the model that `training_words` registers."""
    return ["--config", "backtest", *_on_small(folder), *more]


def _on_small(folder: Path) -> list[str]:
    told = [word.partition("=") for word in small(folder)]
    words = [f"{key}={quoted(Path(value)) if value.startswith('/') else value}" for key, _, value in told]
    return [*words, *tiny_training(), *SHORT]


def search_words(folder: Path, storage: Path) -> list[str]:
    """One trial of a search, the least there is; its storage is in another folder."""
    own = ("training.total_steps", "training.time_limit_s", "training.batch_size", "training.n_epochs", "model.")
    words = [word for word in _on_small(folder) if not word.startswith((*own, "training.evaluate_every"))]
    few = ["split.train=0.4", "split.validation=0.4", "training.lanes=64", "optuna.pruner.kind=none"]
    budget = ["optuna.budget.steps=2048", "optuna.budget.evaluations=1", "optuna.objective.draws=100"]
    more = [*few, *budget, "optuna.objective.constraints=[]", f"optuna.storage='{storage_of(storage)}'"]
    return ["run", "quick_search", "--trials", "1", *words, *more]


def storage_of(folder: Path) -> str:
    """URL of a storage in a folder."""
    return f"sqlite:///{folder / 'studies.db'}"


def weights_of(run_folder: Path) -> dict[str, str]:
    """Policy and training state at the end of a run."""
    last = max((run_folder / "checkpoints").glob("r*"))
    return whole.content(last, "*.safetensors")


def newest_run(folder: Path) -> Path:
    """By its name."""
    return max(path for path in (folder / "runs").iterdir() if path.is_dir())


def trades_of(folder: Path) -> dict[str, str]:
    """What the newest backtest traded, to the cent."""
    return whole.content(newest_run(folder), "days.csv", "trades.csv", "fills.csv", "orders.csv", "equity.parquet")


def placed(folder: Path, *kinds: str) -> list[str]:
    """Words that put runs or models below a folder."""
    return [f"{kind}={quoted(folder / kind)}" for kind in kinds]


def trained() -> Path:
    """A folder with an undisturbed training in it, and its model."""
    return _trained()[0]


def undisturbed_training() -> Undisturbed:
    """Of `training_words`."""
    return _trained()[1]


@functools.cache
def _trained() -> tuple[Path, Undisturbed]:
    folder = within(Path(tempfile.mkdtemp(dir=os.environ[SHARED], prefix="trained-")))
    done = fine(run("main", training_words(folder)))
    written = whole.size(folder / "runs") + whole.size(folder / "models")
    return folder, Undisturbed(weights_of(newest_run(folder)), written, done.cpu_s)


@functools.cache
def undisturbed_backtest() -> Undisturbed:
    """Of the model of `trained`."""
    done = fine(run("main", backtest_words(trained())))
    whole.check(trained())
    return Undisturbed(trades_of(trained()), whole.size(newest_run(trained())), done.cpu_s)


# ---------------------------------------------------------------- as where nothing goes wrong
def same_index(folder: Path, where: str = "") -> None:
    """What was built below `folder` is the undisturbed index."""
    promise(index_of(folder) == undisturbed_index().result, "the index is another one", where)


def same_weights(run_folder: Path) -> None:
    """The run ended with the weights and the optimiser of the undisturbed training."""
    same = weights_of(run_folder) == undisturbed_training().result
    promise(same, "other weights than those of an undisturbed training", str(run_folder))


def same_trades(folder: Path) -> None:
    """The newest backtest below `folder` traded as the undisturbed one."""
    same = trades_of(folder) == undisturbed_backtest().result
    promise(same, "other trades than those of an undisturbed backtest", str(folder))


def searched(folder: Path) -> None:
    """The search whose storage is in `folder` has its one trial, done."""
    study = optuna.load_study(study_name="quick_search", storage=storage_of(folder))
    states = [trial.state for trial in study.trials]
    promise(states == [TrialState.COMPLETE], f"trials {states}")


# ---------------------------------------------------------------- ends
def take_up(words: Sequence[str]) -> None:
    """`--resume last` of a training that was begun with those words; the same command if nothing was saved."""
    resumed = run("main", resuming(words))
    if resumed.code:
        promise("no run was interrupted" in resumed.said, f"exit code {resumed.code}", resumed.said)
        fine(run("main", words))


def resuming(words: Sequence[str]) -> list[str]:
    """The words of a training with `--resume last` instead of its configuration."""
    return ["--resume", "last", *words[2:]]


def fine(done: Ended) -> Ended:
    """Exit code 0, nothing odd said."""
    promise(done.code == 0, f"exit code {done.code}", done.said)
    return clean(done)


def clean(done: Ended) -> Ended:
    """No traceback."""
    promise("Traceback" not in done.said, "a traceback", done.said)
    return done


def message(done: Ended) -> str:
    """The error that it ended with: the line before `looked in:` or `fix:`, else the last one."""
    lines = [line for line in done.said.splitlines() if line.strip()]
    after = [at for at, line in enumerate(lines) if line.startswith(("  looked in:", "  nearest:", "  fix:"))]
    return lines[after[0] - 1] if after else lines[-1] if lines else ""
