"""The same day played by two checkpoints of a run: what each did, and where they part.

RUN is "last", the name of a run or its folder. A checkpoint is named by its rollouts (8, r000008); a registered model
(v3) will do too. Without names: the oldest that is kept and the newest, on the run's first validation day, else on the
first day that it was trained on.

A table is printed. The replay is kept in the run's folder below replays/; the page Replay of ./fx dashboard draws it.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.table import Table

from agent.backtest import Backtest
from agent.backtest_days import BacktestDay, Found, select_days
from agent.checkpoint import load_checkpoint
from agent.checkpoint_store import CheckpointStore
from agent.policy_runner import PolicyRunner
from agent.report.replay import Side, replay_arrays, replay_view
from config.compose import load_config, saved_config
from config.schema import Config
from data.split import Split
from metrics.replays import replay_path, write_replay
from metrics.runs import CONFIG, find_run
from scripts.arrays import Arrays, load_days
from scripts.command import Parser, exit_code
from scripts.evaluate import CHILD_NICENESS, DAYS, one_thread
from scripts.output import out
from scripts.pipeline import Sources, find_days, metadata_of, model_registry, open_sources
from scripts.progress import DayProgress
from scripts.runs import CHECKPOINTS, about_of
from scripts.split_guard import seen
from simulators.day_bank import session_seconds
from utils.errors import ConfigError, DataError, ModelError, nearest
from utils.logger import get_logger, setup_logging
from utils.paths import anchored, shown

log = get_logger(__name__)
NUMBER = re.compile(r"r?(\d+)")
Day = tuple[str, dt.date]


class Model(NamedTuple):
    """One that is to play."""

    name: str
    folder: Path
    about: dict[str, Any]
    """Of a registered model: what is known of it; of a checkpoint: of its run."""


def replay_parser() -> Parser:
    """The options."""
    parser = Parser("./fx replay", __doc__, options="RUN [--day SYMBOL DATE] [--checkpoints N M]")
    parser.add_argument("--day", nargs=2, metavar=("SYMBOL", "DATE"), help="the day to play")
    parser.add_argument("--checkpoints", nargs=2, metavar=("N", "M"), help="who plays it")
    return parser


def run(arguments: Sequence[str]) -> int:
    """Play, keep and print. Raises FxError for what is not there or must not be looked at."""
    options, words = replay_parser().read(arguments)
    wanted, overrides = [word for word in words if "=" not in word], [word for word in words if "=" in word]
    if len(wanted) != 1:
        fix = "./fx replay last; ./fx status --all lists the runs"
        raise ConfigError(f"{len(wanted)} runs are named, not one", where="the command line", fix=fix)
    setup_logging()
    folder = find_run(anchored(load_config("momentum_training", overrides).runs), wanted[0])
    config = saved_config(folder / CONFIG, overrides)
    models = find_models(config, folder, options.checkpoints)
    sources = open_sources(config)
    entry = find_day(folder, sources, options.day)
    sample = in_sample(models, entry)
    chosen = starting(config, folder, sources, entry)
    arrays = load_days(config, sources, [entry])
    sides = play(config, sources, arrays, chosen, models)
    facts = replay_view(arrays.days[0], chosen, sides, sample)
    path = replay_path(folder, entry[0], entry[1].isoformat(), (models[0].name, models[1].name))
    write_replay(path, facts, replay_arrays(arrays.days[0], sides))
    out.print(told(facts))
    out.print(f"{sample[0].upper()}{sample[1:]}.")
    out.print(f"{shown(path)}; the page Replay of ./fx dashboard draws it")
    return 0


def find_models(config: Config, folder: Path, names: Sequence[str] | None) -> tuple[Model, Model]:
    """Those named, else the oldest and the newest checkpoint. Raises ModelError with what there is."""
    store, about = CheckpointStore(folder / CHECKPOINTS, 0), about_of(folder)
    there = {store.path(number).name: store.path(number) for number in sorted(store.numbers())}
    if names is None:
        if len(there) < 2:
            what = f"{folder.name} has {len(there) or 'no'} checkpoint{'s' if not there else ''}: a replay takes two"
            fix = "--checkpoints v1 v2 plays registered models; training.keep_checkpoints keeps more of a run"
            raise ModelError(what, where=shown(store.folder), near=list(there), fix=fix)
        names = [min(there), max(there)]
    found = [_model(config, about, there, store, name) for name in names]
    if found[0].folder == found[1].folder:
        what, others = f"{found[0].name} is named twice", [name for name in there if name != found[0].name]
        raise ModelError(what, where="--checkpoints", near=others, fix="name two that are not the same")
    return found[0], found[1]


def _model(config: Config, about: dict[str, Any], there: dict[str, Path], store: CheckpointStore, name: str) -> Model:
    number = NUMBER.fullmatch(name)
    path = there.get(store.path(int(number[1])).name) if number else None
    if path is not None:
        return Model(path.name, path, about)
    registry = model_registry(config)
    versions = [entry.name for entry in registry.list()]
    if name in versions:
        return Model(name, registry.resolve(name), metadata_of(registry.resolve(name)))
    near = list(dict.fromkeys([*nearest(name, [*there, *versions]), *there]))
    what = f"there is no checkpoint {name!r}: only the newest few of a run are kept"
    raise ModelError(what, where=shown(store.folder), near=near, fix="name two of those")


def find_day(folder: Path, sources: Sources, named: Sequence[str] | None) -> Day:
    """The day that is named, else the first that the run was validated on, else trained on.

    Raises DataError if its files are not there, ConfigError if there is none.
    """
    if named is not None:
        symbol, date = sources.data.resolve(named[0]), _date(named[1])
    else:
        known = [day.split() for day in about_of(folder).get("days", {})]
        first = next(((symbol, date) for symbol, date, _ in _validated(folder)), None) or next(iter(known), None)
        if first is None:
            raise ConfigError(f"{folder.name} names no day", where=shown(folder), fix="--day SYMBOL DATE")
        symbol, date = first[0], _date(first[1])
    sessions = sources.data.sessions(symbol)
    if date not in sessions:
        near = [each.isoformat() for each in sorted(sessions, key=lambda each: abs(each - date))[:3]]
        what = f"there are no files of {symbol} on {date}"
        raise DataError(
            what, where=sources.data.provider.folder, near=near, fix=f"--day {symbol} {near[0]}" if near else ""
        )
    return symbol, date


def in_sample(models: Sequence[Model], entry: Day) -> str:
    """What the models have seen of the day, in words. Raises DataError for a test session."""
    symbol, date = entry
    name = f"{symbol} {date}"
    if any(date in Split.of_plain(model.about.get("split", {})).test for model in models):
        fix = f"./fx backtest-date {date}, which is noted as a look at the test, or another day"
        what = f"{name} is a test session: whoever chooses between checkpoints by it has no test left"
        raise DataError(what, rule="held-out", where="the split of the run", fix=fix)
    for model in models:
        split = Split.of_plain(model.about.get("split", {}))
        if date in split.train or (date in seen(model.about) and date not in split.validation):
            very = "this very day" if name in model.about.get("days", {}) else "this session"
            return f"in sample: {model.name} was trained on {very}, so it says nothing about days to come"
    if any(date in Split.of_plain(model.about.get("split", {})).validation for model in models):
        return "validation session: nothing was trained on it, but models are chosen by it"
    return "out of sample: neither model was trained or chosen on this session"


def starting(config: Config, folder: Path, sources: Sources, entry: Day) -> BacktestDay:
    """The day from where its validation began, else from where the scanner finds it, else from its first second."""
    for symbol, date, start in _validated(folder):
        if (symbol, date) == (entry[0], entry[1].isoformat()):
            return BacktestDay(*entry, start)
    hours = session_seconds(config.simulation.session)
    try:
        index = find_days(config, sources.data, sources.simulator, [entry[0]])
        found = dataclasses.replace(config.backtest, days=str(Found.EX_ANTE))
        return next(day for day in select_days(index, [entry[1]], found, hours) if day.symbol == entry[0])
    except DataError as why:
        log.info("%s; %s %s is traded from the first second on", why.what, *entry)
        return BacktestDay(*entry, hours[0], Found.ALL)


def play(
    config: Config, sources: Sources, arrays: Arrays, chosen: BacktestDay, models: tuple[Model, Model]
) -> tuple[Side, Side]:
    """Trade the day with each of the models, in the environment of the run and by the same chances."""
    test = Backtest.of(config, arrays.bank, [chosen])

    def side(model: Model) -> Side:
        log.info("%s trades %s %s", model.name, chosen.symbol, chosen.date)
        steps = int(load_checkpoint(model.folder, training=False).meta["steps"])
        policy = PolicyRunner.load(model.folder, arrays.store, sources.extractor.schema, device="cpu")
        return Side(model.name, steps, test.run(policy, traced=True, progress=DayProgress(config.training.log_every_s)))

    with one_thread():
        return side(models[0]), side(models[1])


def told(facts: dict[str, Any]) -> Table:
    """For the terminal."""
    first, second = facts["sides"]
    kind = ", SYNTHETIC" if facts["synthetic"] else ""
    table = Table(title=f"{facts['symbol']} {facts['date']}{kind}", title_justify="left")
    table.add_column("")
    for side in (first, second):
        table.add_column(f"{side['name']}, step {side['step']:,}", justify="right")
    table.add_column(f"{second['name']} less {first['name']}", justify="right")
    for row in facts["rows"]:
        table.add_row(*row)
    return table


def _validated(folder: Path) -> list[tuple[str, str, int]]:
    """Symbol, date and first second of the days that the run's scores are of."""
    path = folder / DAYS
    return [(str(s), str(d), int(at)) for s, d, at in json.loads(path.read_text())["days"]] if path.is_file() else []


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as why:
        raise ConfigError(f"{text!r} is no date", where="--day", fix="--day MLGO 2025-04-15") from why


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 2 and a message for mistakes in the input."""
    return exit_code(run, arguments, stopped="Stopped; nothing was kept.")


if __name__ == "__main__":
    os.nice(CHILD_NICENESS)  # a training beside it goes first
    sys.exit(main())
