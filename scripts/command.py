"""What every program of this folder does at its edge."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from utils.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, FxError


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
