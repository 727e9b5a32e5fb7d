"""Search for hyperparameters: `python optuna_optimization.py COMMAND ...`; --help lists the commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from scripts.command import exit_code
from scripts.optimise.commands import STOPPED, run
from utils.logger import setup_logging


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0; 2 and a message for mistakes in the input; 130 after Ctrl-C."""
    setup_logging()
    return exit_code(run, arguments, stopped=STOPPED)


if __name__ == "__main__":
    sys.exit(main())
