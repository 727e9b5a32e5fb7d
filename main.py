"""The entry point: `python main.py --config NAME --symbol SYM --continue key=value ...`.

Compose the configuration, check it, build the parts, run. Mistakes in the input end with a message and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from config.compose import config_names, config_summary, config_yaml, load_config
from scripts.command import exit_code
from utils.errors import ConfigError, nearest
from utils.logger import setup_logging

DEFAULT_CONFIG = "momentum_training"
DATES = re.compile(r"\d{4}-\d{2}-\d{2}(:\d{4}-\d{2}-\d{2})?")


class _Parser(argparse.ArgumentParser):
    """Refuses in the words of this project, not with a usage line."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message, where="the command line", fix="python main.py --help lists the options")

    def flags(self) -> list[str]:
        """Every option there is."""
        return [flag for action in self._actions for flag in action.option_strings]


def _parser() -> _Parser:
    listed = "\n".join(f"  {name:<20} {config_summary(name)}" for name in config_names())
    parser = _Parser(
        prog="python main.py",
        usage="python main.py [--config NAME] [--symbol SYM] [--continue] [key=value ...]",
        description="Train and backtest momentum trading agents on Databento files.",
        epilog=f"configurations:\n{listed}\n\nkey=value changes any value, group=option a whole group; "
        "docs/configuration.md lists them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", metavar="NAME", default=DEFAULT_CONFIG, help=f"default: {DEFAULT_CONFIG}")
    parser.add_argument("--symbol", metavar="SYM", action="append", default=[], help="repeatable; A,B,C works too")
    parser.add_argument("--date", metavar="DATE", help="backtest that date, or FIRST:LAST")
    parser.add_argument("--continue", dest="go_on", action="store_true", help="go on training the best model")
    parser.add_argument("--cfg", action="store_true", help="print the composed configuration and stop")
    parser.add_argument("--log", metavar="LEVEL", default="INFO", help="DEBUG, INFO, WARNING; default: INFO")
    return parser


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the configuration overrides that they and the remaining words amount to."""
    parser = _parser()
    options, rest = parser.parse_known_args([a for a in arguments if a != "--"])
    for word in rest:
        if word.startswith("-"):
            near = nearest(word.partition("=")[0], parser.flags())
            raise ConfigError(
                f"there is no option {word!r}",
                where="the command line",
                near=near,
                fix=f"use {near[0]}" if near else "python main.py --help lists the options",
            )
    dates = [word for word in rest if DATES.fullmatch(word)]
    overrides = [word for word in rest if not DATES.fullmatch(word)]
    if options.date:
        dates.append(options.date)
    symbols = [s.strip().upper() for given in options.symbol for s in given.split(",") if s.strip()]
    overrides += [f"backtest.date={json.dumps(date)}" for date in dates]
    overrides += [f"symbols={json.dumps(symbols)}"] if symbols else []
    overrides += ["training.continue_from=best"] if options.go_on else []
    return options, overrides


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code. Raises FxError for mistakes in the input."""
    options, overrides = parse(arguments)
    config = load_config(options.config, overrides)
    if options.cfg:
        sys.stdout.write(config_yaml(config))
        return 0
    setup_logging(options.log)
    from scripts.pipeline import run_mode  # heavy: numba, torch

    return run_mode(config)


def main(arguments: Sequence[str] | None = None) -> int:
    """`run` with mistakes and Ctrl-C told in a sentence."""
    stopped = "Stopped. Nothing half-written was left behind; the same command starts again."
    return exit_code(run, arguments, stopped=stopped)


if __name__ == "__main__":
    sys.exit(main())
