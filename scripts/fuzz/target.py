"""What a fuzzer is pointed at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

Draw = np.random.Generator


class SilentError(Exception):
    """What was read is not what was written, and nobody said so."""


class Target(NamedTuple):
    """Something that reads what others wrote."""

    name: str
    about: str
    share: float
    """Of all inputs of a run; the shares of all targets add up to 1."""
    seeds: Callable[[Path], Sequence[bytes]]
    """Inputs to begin with, made in a folder."""
    draw: Callable[[Sequence[bytes], Draw], bytes]
    """The next input from the seeds."""
    read: Callable[[bytes, Path], str]
    """What became of an input: "read", or the word for why it was refused. Files go into the folder.

    Raises FxError to refuse, SilentError for wrong data; any other exception is a crash.
    """
