"""Processes that are killed or told to stop at random moments, and several at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.model_registry import ModelRegistry
from agent.trials import TrialLedger
from tests.faults import market, whole
from tests.faults.process import Ended, Running, run
from tests.faults.registry import IN_FLIGHT, Outcome, Setting, fault, promise
from utils.errors import EXIT_INTERRUPTED

KILLED, TOLD = "kill -9", "SIGINT and SIGTERM"
AGAIN = 3
"""A process may have come to its end before its moment; so many times as many are started at most."""


def backtest_words(folder: Path) -> list[str]:
    """A backtest of the undisturbed model; all it writes is below `folder`."""
    return [*market.backtest_words(folder), *market.placed(market.trained(), "models")]


def training_goes_on(folder: Path) -> None:
    """What was broken off in `folder` is taken up, and ends as if nothing had been."""
    market.take_up(market.training_words(folder))
    market.same_weights(market.newest_run(folder))


def backtest_again(folder: Path) -> None:
    """The same command trades the same."""
    market.fine(run("main", backtest_words(folder)))
    market.same_trades(folder)


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
        folder = market.within(setting.folder / str(number))
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
        market.fine(run("main", market.index_words(folder)))
        market.same_index(folder)

    kills = killed(setting, market.index_words, market.undisturbed_index().cpu_s, again)
    return Outcome("goes on behind the last judged day; the very same index", IN_FLIGHT, kills)


@fault(
    KILLED,
    "training",
    "kill -9 at a random moment, then `--resume last`, or the same command if nothing was saved",
    dear=True,
)
def kill_training(setting: Setting) -> Outcome:
    kills = killed(setting, market.training_words, market.undisturbed_training().cpu_s, training_goes_on)
    return Outcome(
        "goes on from its newest checkpoint; weights and optimiser end the same to the bit", IN_FLIGHT, kills
    )


@fault(KILLED, "a backtest", "kill -9 at a random moment, then the same command", dear=True)
def kill_backtest(setting: Setting) -> Outcome:
    def again(folder: Path) -> None:
        backtest_again(folder)
        ledgers = list((folder / "cache" / "trials").glob("*.jsonl"))
        tries = {trial.key for path in ledgers for trial in TrialLedger(path.parent, path.stem).read()}
        promise(len(tries) == 1, f"{len(tries)} tries are counted")

    kills = killed(setting, backtest_words, market.undisturbed_backtest().cpu_s, again)
    return Outcome("begins anew; the same trades to the cent, and counted as one try", "the backtest", kills)


def told_to_stop(
    setting: Setting, words: Callable[[Path], list[str]], cpu_s: float, again: Callable[[Path], None] | None = None
) -> tuple[int, float]:
    """SIGINT and SIGTERM in turn at random moments: (how often, the slowest end in seconds).

    again: looks at what comes out of it when it is taken up.
    """
    stops, slowest = 0, 0.0
    for number in range(AGAIN * 2 * setting.tries):
        folder = market.within(setting.folder / str(number))
        kind = (signal.SIGINT, signal.SIGTERM)[stops % 2]
        done, took = struck(words(folder), setting, cpu_s, kind)
        promise(done.code in (0, EXIT_INTERRUPTED), f"exit code {done.code} after {kind.name}", done.said)
        market.clean(done)
        whole.check(folder)
        if done.code:
            stops += 1
            promise(took < setting.limit_s, f"it took {took:.1f} s to end", done.said)
            promise("--resume" in done.said, "it does not say what to do", done.said)
            slowest = max(slowest, took)
            if again is not None:
                again(folder)
                whole.check(folder)
        if stops == 2 * setting.tries:
            break
    promise(stops > 0, "it was always too fast to be stopped")
    return stops, slowest


STOPS = f"exit {EXIT_INTERRUPTED} with a sentence that says what to do; nothing half-made is left"


@fault(TOLD, "the index is built", "both signals at random moments")
def stop_index(setting: Setting) -> Outcome:
    stops, slowest = told_to_stop(setting, market.index_words, market.undisturbed_index().cpu_s)
    return Outcome(STOPS, IN_FLIGHT, stops, slowest)


@fault(TOLD, "training", "both signals at random moments", dear=True)
def stop_training(setting: Setting) -> Outcome:
    cpu_s = market.undisturbed_training().cpu_s
    stops, slowest = told_to_stop(setting, market.training_words, cpu_s, training_goes_on)
    did = f"ends its rollout, saves and registers; {STOPS}; `--resume last` ends with the same weights to the bit"
    return Outcome(did, tries=stops, slowest_s=slowest)


@fault(TOLD, "a backtest", "both signals at random moments", dear=True)
def stop_backtest(setting: Setting) -> Outcome:
    stops, slowest = told_to_stop(setting, backtest_words, market.undisturbed_backtest().cpu_s, backtest_again)
    return Outcome(f"{STOPS}; the same command trades the same to the cent", "the backtest", stops, slowest)


@fault(TOLD, "a search for hyperparameters", "both signals at random moments, then the same command", dear=True)
def stop_search(setting: Setting) -> Outcome:
    folder, began = market.within(setting.folder / "whole"), time.monotonic()
    market.fine(run(market.SEARCH, market.search_words(folder, folder)))
    took, stops, slowest = time.monotonic() - began, 0, 0.0
    for number, kind in enumerate((signal.SIGINT, signal.SIGTERM) * setting.tries):
        folder = market.within(setting.folder / str(number))
        words = market.search_words(folder, folder)
        with Running(market.SEARCH, words) as process:
            process.wait_until(0.0)
            process.pause(float(setting.chance.uniform(0.1, 0.8)) * took)  # most of it is computed by its workers
            since = process.clock()
            process.signal(kind)
            done, seconds = process.end(), process.seconds_since(since)
        promise(done.code in (0, EXIT_INTERRUPTED), f"exit code {done.code} after {kind.name}", market.clean(done).said)
        if done.code:
            promise(seconds < setting.limit_s, f"it took {seconds:.1f} s to end", done.said)
            promise("the same command goes on" in done.said, "it does not say what to do", done.said)
            stops, slowest = stops + 1, max(slowest, seconds)
        market.fine(run(market.SEARCH, words))
        market.searched(folder)
        whole.check(folder)
    did = f"exit {EXIT_INTERRUPTED} with a sentence that says what to do; the same command goes on with that very trial"
    return Outcome(did, IN_FLIGHT, stops, slowest)


def both(words: Sequence[str]) -> None:
    """Two processes of the same words at once; both end well."""
    with Running("main", words) as one, Running("main", words) as other:
        market.fine(one.end())
        market.fine(other.end())


@fault("Several processes", "the index is built twice at once", "two processes, one empty cache")
def two_at_once(setting: Setting) -> Outcome:
    for number in range(setting.tries):
        folder = market.within(setting.folder / str(number))
        both(market.index_words(folder))
        market.same_index(folder)
        whole.check(folder)
    return Outcome("both end well, with the very same index", tries=setting.tries)


@fault("Several processes", "two trainings at once", "two processes, one folder of runs and one of models", dear=True)
def two_trainings(setting: Setting) -> Outcome:
    for number in range(setting.tries):
        folder = market.within(setting.folder / str(number))
        both(market.training_words(folder))
        models = ModelRegistry(folder / "models", 5).list()
        promise([model.name for model in models] == ["v1", "v2"], f"models {models}")
        runs = [path for path in (folder / "runs").iterdir() if path.is_dir()]
        promise(len(runs) == 2, f"{len(runs)} runs")
        for path in runs:
            market.same_weights(path)
        whole.check(folder)
    return Outcome("two runs and two versions, both as if alone", tries=setting.tries)
