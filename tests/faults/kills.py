"""Processes that are killed or told to stop at random moments, and several at once."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.model_registry import ModelRegistry
from agent.trials import TrialLedger
from tests.faults import whole
from tests.faults.market import (
    backtest_words,
    clean,
    fine,
    index_of,
    index_words,
    newest_run,
    trades_of,
    trained,
    training_words,
    undisturbed_backtest,
    undisturbed_index,
    undisturbed_training,
    weights_of,
    within,
)
from tests.faults.process import Ended, Running, run
from tests.faults.registry import IN_FLIGHT, Outcome, Setting, fault, promise
from utils.errors import EXIT_INTERRUPTED

KILLED, TOLD = "kill -9", "SIGINT and SIGTERM"
AGAIN = 3
"""A process may have come to its end before its moment; so many times as many are started at most."""


def struck(words: Sequence[str], setting: Setting, cpu_s: float, number: signal.Signals) -> tuple[Ended, float]:
    """A process that gets a signal at a random moment: how it ended, and how many seconds that took."""
    with Running("main", words) as process:
        process.wait_until(float(setting.chance.uniform(0.0, cpu_s)))
        since = process.clock()
        process.signal(number)
        return process.end(), process.seconds_since(since)


def killed(setting: Setting, words: Callable[[Path], list[str]], cpu_s: float, again: Callable[[Path], None]) -> int:
    """Start, kill and start again in ever new folders; `again` looks at what comes out. Returns the kills."""
    kills = 0
    for number in range(AGAIN * setting.tries):
        folder = within(setting.folder / str(number))
        done, _ = struck(words(folder), setting, cpu_s, signal.SIGKILL)
        promise(done.code in (0, -signal.SIGKILL), f"exit code {done.code}", done.said)
        whole.check(folder, killed=True)
        if done.code:
            kills += 1
            again(folder)
            whole.check(folder, killed=True)
        if kills == setting.tries:
            break
    promise(kills > 0, "it was always too fast to be killed")
    return kills


@fault(KILLED, "the index is built", "kill -9 at a random moment, then the same command")
def kill_index(setting: Setting) -> Outcome:
    def again(folder: Path) -> None:
        fine(run("main", index_words(folder)))
        promise(index_of(folder) == undisturbed_index().result, "the index is another one")

    kills = killed(setting, index_words, undisturbed_index().cpu_s, again)
    return Outcome("goes on behind the last judged day; the very same index", IN_FLIGHT, kills)


@fault(
    KILLED,
    "training",
    "kill -9 at a random moment, then `--resume last`, or the same command if nothing was saved",
    dear=True,
)
def kill_training(setting: Setting) -> Outcome:
    want = undisturbed_training()

    def again(folder: Path) -> None:
        resumed = run("main", ["--resume", "last", *training_words(folder)[2:]])
        if resumed.code:
            promise("no run was interrupted" in resumed.said, f"exit code {resumed.code}", resumed.said)
            fine(run("main", training_words(folder)))
        promise(weights_of(newest_run(folder)) == want.result, "other weights than those of an undisturbed training")

    kills = killed(setting, training_words, want.cpu_s, again)
    return Outcome(
        "goes on from its newest checkpoint; weights and optimiser end the same to the bit", IN_FLIGHT, kills
    )


@fault(KILLED, "a backtest", "kill -9 at a random moment, then the same command", dear=True)
def kill_backtest(setting: Setting) -> Outcome:
    want = undisturbed_backtest()
    models = [f"models='{trained() / 'models'}'"]

    def again(folder: Path) -> None:
        fine(run("main", [*backtest_words(folder), *models]))
        promise(trades_of(folder) == want.result, "other trades than those of an undisturbed backtest")
        ledgers = list((folder / "cache" / "trials").glob("*.jsonl"))
        tries = {trial.key for path in ledgers for trial in TrialLedger(path.parent, path.stem).read()}
        promise(len(tries) == 1, f"{len(tries)} tries are counted")

    kills = killed(setting, lambda folder: [*backtest_words(folder), *models], want.cpu_s, again)
    return Outcome("begins anew; the same trades to the cent, and counted as one try", "the backtest", kills)


def told_to_stop(setting: Setting, words: Callable[[Path], list[str]], cpu_s: float) -> tuple[int, float]:
    """SIGINT and SIGTERM in turn at random moments: (how often, the slowest end in seconds)."""
    stops, slowest = 0, 0.0
    for number in range(AGAIN * 2 * setting.tries):
        folder = within(setting.folder / str(number))
        kind = (signal.SIGINT, signal.SIGTERM)[stops % 2]
        done, took = struck(words(folder), setting, cpu_s, kind)
        promise(done.code in (0, EXIT_INTERRUPTED), f"exit code {done.code} after {kind.name}", done.said)
        clean(done)
        whole.check(folder)
        if done.code:
            stops += 1
            promise(took < setting.limit_s, f"it took {took:.1f} s to end", done.said)
            slowest = max(slowest, took)
        if stops == 2 * setting.tries:
            break
    promise(stops > 0, "it was always too fast to be stopped")
    return stops, slowest


STOPS = f"exit {EXIT_INTERRUPTED} with a sentence that says what to do; nothing half-made is left"


@fault(TOLD, "the index is built", "both signals at random moments")
def stop_index(setting: Setting) -> Outcome:
    stops, slowest = told_to_stop(setting, index_words, undisturbed_index().cpu_s)
    return Outcome(STOPS, IN_FLIGHT, stops, slowest)


@fault(TOLD, "training", "both signals at random moments", dear=True)
def stop_training(setting: Setting) -> Outcome:
    stops, slowest = told_to_stop(setting, training_words, undisturbed_training().cpu_s)
    return Outcome(f"ends its rollout, saves and registers; {STOPS}", tries=stops, slowest_s=slowest)


@fault(TOLD, "a backtest", "both signals at random moments", dear=True)
def stop_backtest(setting: Setting) -> Outcome:
    models = f"models='{trained() / 'models'}'"
    want = undisturbed_backtest()
    stops, slowest = told_to_stop(setting, lambda folder: [*backtest_words(folder), models], want.cpu_s)
    return Outcome(STOPS, "the backtest", stops, slowest)


@fault("Several processes", "the index is built twice at once", "two processes, one empty cache")
def two_at_once(setting: Setting) -> Outcome:
    for number in range(setting.tries):
        folder = within(setting.folder / str(number))
        with Running("main", index_words(folder)) as one, Running("main", index_words(folder)) as other:
            fine(one.end())
            fine(other.end())
        promise(index_of(folder) == undisturbed_index().result, "the index is another one")
        whole.check(folder)
    return Outcome("both end well, with the very same index", tries=setting.tries)


@fault("Several processes", "two trainings at once", "two processes, one folder of runs and one of models", dear=True)
def two_trainings(setting: Setting) -> Outcome:
    for number in range(setting.tries):
        folder = within(setting.folder / str(number))
        with Running("main", training_words(folder)) as one, Running("main", training_words(folder)) as other:
            clean(fine(one.end()))
            clean(fine(other.end()))
        models = ModelRegistry(folder / "models", 5).list()
        promise([model.name for model in models] == ["v1", "v2"], f"models {models}")
        runs = [path for path in (folder / "runs").iterdir() if path.is_dir()]
        promise(len(runs) == 2, f"{len(runs)} runs")
        for path in runs:
            promise(weights_of(path) == undisturbed_training().result, "they disturb each other")
        whole.check(folder)
    return Outcome("two runs and two versions, both as if alone", tries=setting.tries)
