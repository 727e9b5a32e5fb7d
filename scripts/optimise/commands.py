"""The commands of optuna_optimization.py."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.table import Table

from config.compose import load_config
from config.schema.optuna import StudyConfig
from config.studies import load_study, study_files, study_path, study_summary, training_words
from scripts.command import Parser
from utils.errors import ConfigError, nearest
from utils.paths import shown

STOPPED = "Stopped. Every trial is kept: the same command goes on, interrupted ones from their newest checkpoint."
PROGRAM = "python optuna_optimization.py"
PHASES = ("phase1_foundation", "phase2_reward", "phase3_finetune")


class Command(NamedTuple):
    """One of them."""

    about: str
    words: str
    """What follows it."""
    run: Callable[[argparse.Namespace, list[str]], int]
    options: Callable[[argparse.ArgumentParser], None]


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say. Raises FxError for mistakes in the input."""
    words = [word for word in arguments if word != "--"]
    if not words or words[0] in ("-h", "--help"):
        general().print_help()
        return 0
    command = COMMANDS.get(words[0])
    if command is None:
        near = nearest(words[0], COMMANDS)
        fix = f"{PROGRAM} {near[0]}" if near else f"use one of: {', '.join(COMMANDS)}"
        raise ConfigError(f"there is no command {words[0]!r}", where="the command line", near=near, fix=fix)
    options, rest = parser(words[0]).read(words[1:])
    from scripts.optimise.storages import storage_told  # heavy: optuna

    with storage_told():
        return command.run(options, rest)


def accepted(words: Sequence[str]) -> bool:
    """Whether a command, its options and its study files are what they have to be; nothing is run.

    Raises ConfigError for what is not.
    """
    options, rest = parser(words[0]).read(words[1:])
    given = asked(options, rest)
    for name in [word for word in given if "=" not in word and words[0] in ("run", "transfer")]:
        load_study(name, given)
    for phase in PHASES:
        load_config(load_study(phase, given).base, training_words([word for word in given if "=" in word]))
    return words[0] in COMMANDS


def general() -> Parser:
    """What --help shows."""
    listed = "\n".join(f"  {name + ' ' + one.words:<32} {one.about}" for name, one in COMMANDS.items())
    files = "\n".join(f"  {name:<32} {study_summary(name)}" for name in study_files())
    return Parser(PROGRAM, __doc__, options="COMMAND", more=f"commands:\n{listed}\n\nstudy files:\n{files}")


def parser(name: str) -> Parser:
    """The options of a command."""
    command = COMMANDS[name]
    more = "optuna.key=value changes the study, any other key=value what every trial trains; see docs/optuna.md."
    made = Parser(f"{PROGRAM} {name}", command.about, options=f"{command.words} [options]".strip(), more=more)
    command.options(made)
    return made


def asked(options: argparse.Namespace, words: Sequence[str]) -> list[str]:
    """The words, with what the options amount to."""
    given = (("trials", "optuna.trials"), ("jobs", "optuna.jobs"), ("storage", "optuna.storage"))
    return [*(f"{key}={value}" for name, key in given if (value := getattr(options, name, None))), *words]


def study_of(name: str, words: Sequence[str]) -> StudyConfig:
    """The study of a file with what it takes over and the words. Raises ConfigError."""
    from scripts.optimise.transfer import transferred  # heavy: optuna

    study_path(name)
    first = load_study(name, words)
    return load_study(name, words, transferred(cache_of(first.base, words), name, first))


def cache_of(base: str, words: Sequence[str]) -> str:
    """The cache folder that the words name."""
    return load_config(base, training_words(words)).data.cache


# ---------------------------------------------------------------- run
def _add_storage(made: argparse.ArgumentParser) -> None:
    made.add_argument("--storage", metavar="URL", help="database, or journal FILE.log: optuna.storage")


def _add_run(made: argparse.ArgumentParser) -> None:
    made.add_argument("--trials", metavar="N", help="trials of the study in all: optuna.trials")
    made.add_argument("--jobs", metavar="N", help="worker processes: optuna.jobs")
    _add_storage(made)


def _named(words: Sequence[str], count: int, what: str) -> tuple[list[str], list[str]]:
    """The first `count` words that are no key=value, and the others. Raises ConfigError if they are not so many."""
    names = [word for word in words if "=" not in word]
    if len(names) != count:
        fix = f"name {what}; study files: {', '.join(study_files())}"
        raise ConfigError(f"{' '.join(names) or 'nothing'!r} is not {what}", where="the command line", fix=fix)
    return names, [word for word in words if "=" in word]


def run_study(options: argparse.Namespace, words: list[str]) -> int:
    """Trials of a study until all are done, then its pictures."""
    (name,), rest = _named(asked(options, words), 1, "one study file")
    optimise_file(name, rest)
    return 0


def optimise_file(name: str, words: Sequence[str]) -> None:
    """All trials of the study of a file, its best as a configuration, its pictures."""
    from scripts.optimise.results import after_study
    from scripts.optimise.workers import Job, optimise

    study = study_of(name, words)
    done = optimise(Job(study, training_words(words)))
    after_study(done, study, cache_of(study.base, words))


# ---------------------------------------------------------------- transfer
def transfer(options: argparse.Namespace, words: list[str]) -> int:
    """Write what a study takes over, show it."""
    (source, target), rest = _named(asked(options, words), 2, "a study file and the one that builds on it")
    transfer_files(source, target, rest)
    return 0


def transfer_files(source: str, target: str, words: Sequence[str]) -> None:
    """What `target` takes over from `source`, into a file of its own."""
    from scripts.optimise.transfer import write_transfer
    from scripts.output import out

    base = load_study(target, words).base
    path, made = write_transfer(cache_of(base, words), source, target, words)
    out.print(f"fixed: {'  '.join(made.words)}")
    out.print(f"{len(made.start)} points are tried first; {len(made.space)} parameters are varied")
    out.print(f"written for review: {shown(path)}")


# ---------------------------------------------------------------- looking
def status(options: argparse.Namespace, words: list[str]) -> int:
    """A line a study."""
    from scripts.optimise.results import status_table
    from scripts.output import out

    _, rest = _named(asked(options, words), 0, "without a name")
    table: Table = status_table(rest)
    out.print(table)
    return 0


def best(options: argparse.Namespace, words: list[str]) -> int:
    """Show the best trial and write it as a configuration."""
    from scripts.optimise.results import tell_best

    (name,), rest = _named(asked(options, words), 1, "one study")
    tell_best(name, rest)
    return 0


def results(options: argparse.Namespace, words: list[str]) -> int:
    """Pictures and pages of every study."""
    from scripts.optimise.results import write_results

    _, rest = _named(asked(options, words), 0, "without a name")
    write_results(rest)
    return 0


def dashboard(options: argparse.Namespace, words: list[str]) -> int:
    """Optuna's own dashboard, until Ctrl-C."""
    from scripts.optimise.dashboard import serve

    _, rest = _named(asked(options, words), 0, "without a name")
    serve(load_study("phase1_foundation", rest).storage, options.port)
    return 0


def _add_port(made: argparse.ArgumentParser) -> None:
    _add_storage(made)
    made.add_argument("--port", type=int, default=8080, help="default: 8080; if it is taken, the next free one")


# ---------------------------------------------------------------- everything
def everything(options: argparse.Namespace, words: list[str]) -> int:
    """Three phases, then the test days."""
    from scripts.optimise.campaign import campaign

    _, rest = _named(asked(options, words), 0, "without a name")
    campaign(rest, seeds=options.seeds, docs=options.docs)
    return 0


def _add_all(made: argparse.ArgumentParser) -> None:
    _add_run(made)
    made.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of the final comparison: 3")
    made.add_argument("--docs", action="store_true", help="write the measured part of docs/optuna.md")


COMMANDS: dict[str, Command] = {
    "run": Command("Run the trials of a study; what was interrupted goes on", "STUDY_FILE", run_study, _add_run),
    "transfer": Command("Write what a study takes over from another", "FROM TO", transfer, _add_storage),
    "all": Command("The three phases one after the other, then the test days", "", everything, _add_all),
    "status": Command("Every study: how far it is, its best trial", "", status, _add_storage),
    "best": Command("The best trial of a study, as a configuration to run", "STUDY", best, _add_storage),
    "results": Command("Pictures of every study, as pages to look at", "", results, _add_storage),
    "dashboard": Command("Optuna's dashboard on this machine", "", dashboard, _add_port),
}
