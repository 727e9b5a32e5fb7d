"""The entry point: `python main.py --config NAME --symbol SYM --continue --resume RUN key=value ...`.

Compose the configuration, check it, build the parts, run. Mistakes in the input end with a message and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence

from config.compose import config_yaml, load_config
from config.search import config_names, config_summary
from scripts.command import Parser, exit_code
from scripts.processes import launch, to_be_started
from scripts.runs import resumed
from utils.errors import ConfigError
from utils.group import group_rank
from utils.logger import setup_logging

DEFAULT_CONFIG = "momentum_training"
DATES = re.compile(r"\d{4}-\d{2}-\d{2}(:\d{4}-\d{2}-\d{2})?")


def _parser() -> Parser:
    listed = "\n".join(f"  {name:<20} {config_summary(name)}" for name in config_names())
    parser = Parser(
        "python main.py",
        "Train and backtest momentum trading agents on Databento files.",
        options="[--config NAME] [--config-dir DIR] [--symbol SYM] [--continue] [--resume RUN]",
        more=f"configurations:\n{listed}\n\nkey=value changes any value, group=option a whole group; "
        "docs/configuration.md lists them.",
    )
    parser.add_argument("--config", metavar="NAME", default=DEFAULT_CONFIG, help=f"default: {DEFAULT_CONFIG}")
    parser.add_argument("--symbol", metavar="SYM", action="append", default=[], help="repeatable; A,B,C works too")
    parser.add_argument("--date", metavar="DATE", help="backtest that date, or FIRST:LAST")
    parser.add_argument(
        "--continue", dest="go_on", action="store_true", help="a new run that goes on from the best model"
    )
    parser.add_argument(
        "--resume", metavar="RUN", help="go on with a run that was interrupted or killed: last, or its folder"
    )
    parser.add_argument("--cfg", action="store_true", help="print the composed configuration and stop")
    parser.add_argument("--log", metavar="LEVEL", default="INFO", help="DEBUG, INFO, WARNING; default: INFO")
    return parser


def parse(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the configuration overrides that they and the remaining words amount to."""
    options, rest = _parser().read(arguments)
    dates = [word for word in rest if DATES.fullmatch(word)]
    overrides = [word for word in rest if not DATES.fullmatch(word)]
    if options.date:
        dates.append(options.date)
    symbols = [s.strip().upper() for given in options.symbol for s in given.split(",") if s.strip()]
    overrides += [f"backtest.date={json.dumps(date)}" for date in dates]
    overrides += [f"symbols={json.dumps(symbols)}"] if symbols else []
    if options.go_on and options.resume:
        fix = "--resume goes on with a run, --continue begins a new one"
        raise ConfigError("--continue and --resume are two things", where="the command line", fix=fix)
    overrides += ["training.continue_from=best"] if options.go_on else []
    overrides += [f"training.resume={json.dumps(options.resume)}"] if options.resume else []
    return options, overrides


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments say; returns the exit code. Raises FxError for mistakes in the input."""
    options, overrides = parse(arguments)
    config = load_config(options.config, overrides)
    if config.training.resume and group_rank() == 0:
        config = resumed(config, overrides)
    if options.cfg:
        sys.stdout.write(config_yaml(config))
        return 0
    if to_be_started(config):
        return launch(config.training.processes, arguments)
    setup_logging(options.log if group_rank() == 0 else "ERROR")
    from scripts.pipeline import run_mode  # heavy: numba, torch

    return run_mode(config)


def main(arguments: Sequence[str] | None = None) -> int:
    """`run` with mistakes and Ctrl-C told in a sentence."""
    stopped = "Stopped. Nothing half-written was left behind; the same command starts again, --resume last goes on."
    return exit_code(run, arguments, stopped=stopped if group_rank() == 0 else f"Process {group_rank()} stopped.")


if __name__ == "__main__":
    sys.exit(main())
