"""What every program of this folder does at its edge: reads its words, and ends with a code and a sentence."""

from __future__ import annotations

import argparse
import datetime as dt
import errno
import signal
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from config.search import OWN, own_folder, use_folder
from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, ConfigError, FxError, nearest

_ROOM = "make room there, then the same command again: what was done is kept"
_RIGHT = "let this user write there, or name another folder: data.cache=..., runs=..., models=..."
REFUSED = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    errno.EACCES: _RIGHT,
    errno.EPERM: _RIGHT,
    errno.EROFS: _RIGHT,
    errno.EIO: "the disk fails: look at the system's log, and name a folder on another one",
    errno.EMFILE: "ulimit -n 8192",
}
"""What to do where the system refuses: any other OSError is a bug."""


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

    def read_options(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The options, where nothing else is taken. Raises ConfigError for any other word."""
        options, words = self.read(arguments)
        if words:
            fix = f"{self.prog} --help lists the options"
            raise ConfigError(f"{words[0]!r} is no option", where="the command line", fix=fix)
        return options


def refuse_own_folder(what: str) -> None:
    """`what` tells of the project's own files. Raises ConfigError where the user has named a folder besides."""
    own = own_folder()
    if own is not None:
        raise ConfigError(f"{what} tells of config/ alone", where=own, fix=f"leave --config-dir and {OWN} out")


def date_option(text: str) -> dt.date:
    """The value of --date. Raises ConfigError if it is none."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as why:
        raise ConfigError(f"--date {text!r} is no date", where="the command line", fix="--date 2025-04-15") from why


def exit_code(
    run: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None, *, stopped: str = "Stopped."
) -> int:
    """`run(arguments)`, with mistakes in the input, refusals of the system and Ctrl-C told instead of a traceback.

    SIGTERM does what Ctrl-C does. arguments: those of the process if None; stopped: what Ctrl-C says. Returns the exit
    code.
    """
    came: list[int] = []
    try:
        with _termination(came):
            return run(sys.argv[1:] if arguments is None else arguments)
    except FxError as why:
        if came:  # it broke into a library, which made another error of it
            sys.stderr.write(f"\n{stopped}\n")
            return EXIT_INTERRUPTED
        sys.stderr.write(f"{why.text()}\n")
        return EXIT_USER_ERROR
    except OSError as why:
        if why.errno not in REFUSED:
            raise
        told = FxError(f"the system refuses: {why.strerror}", where=why.filename, fix=REFUSED[why.errno])
        sys.stderr.write(f"{told.text()}\n")
        return EXIT_USER_ERROR
    except KeyboardInterrupt:
        sys.stderr.write(f"\n{stopped}\n")
        return EXIT_INTERRUPTED


@contextmanager
def _termination(came: list[int]) -> Generator[None]:
    """SIGTERM interrupts as Ctrl-C does, so that nothing half-made stays; only the main thread can arrange that.

    came: gets the signals that interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001 - the interpreter passes it
        came.append(number)
        raise KeyboardInterrupt

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where it is ignored
        numbers.append(signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
