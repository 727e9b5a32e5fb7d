"""What every program of this folder does at its edge: reads its words, and ends with a code and a sentence."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from config.search import use_folder
from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, ConfigError, FxError, nearest


class Parser(argparse.ArgumentParser):
    """Options, and `key=value` words anywhere between them. Refuses in the words of this project, without a usage line.

    program: as it is typed; about: shown by --help as it stands, `more` below the options.
    """

    def __init__(self, program: str, about: str | None, *, options: str = "[options]", more: str | None = None) -> None:
        super().__init__(
            prog=program,
            usage=f"{program} {options} [key=value ...]",
            description=about,
            epilog=more,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_argument("--config-dir", metavar="DIR", help="a folder of your own: see docs/extending.md")

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message, where="the command line", fix=f"{self.prog} --help lists the options")

    def read(self, arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
        """The options and the other words. Raises ConfigError for an option that does not exist.

        The user's own folder of configurations is looked into from then on.
        """
        options, words = self.parse_known_args([word for word in arguments if word != "--"])  # poe hands a -- on
        flags = [flag for action in self._actions for flag in action.option_strings]
        for word in words:
            if word.startswith("-"):
                near = nearest(word.partition("=")[0], flags)
                raise ConfigError(
                    f"there is no option {word!r}",
                    where="the command line",
                    near=near,
                    fix=f"use {near[0]}" if near else f"{self.prog} --help lists the options",
                )
        if options.config_dir is not None:
            use_folder(options.config_dir)
        return options, words


def date_option(text: str) -> dt.date:
    """The value of --date. Raises ConfigError if it is none."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as why:
        raise ConfigError(f"--date {text!r} is no date", where="the command line", fix="--date 2025-04-15") from why


def exit_code(
    run: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None, *, stopped: str = "Stopped."
) -> int:
    """`run(arguments)`, with mistakes in the input and Ctrl-C told in a sentence instead of a traceback.

    arguments: those of the process if None; stopped: what Ctrl-C says. Returns the exit code.
    """
    try:
        return run(sys.argv[1:] if arguments is None else arguments)
    except FxError as why:
        sys.stderr.write(f"{why.text()}\n")
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{stopped}\n")
        return EXIT_INTERRUPTED
