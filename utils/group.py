"""Whether this process is one of several that were started together to train, by torchrun or `scripts.processes`."""

from __future__ import annotations

import os

MEETING = "FX_PROCESSES_MEET"
"""Environment variable: file by which processes of one machine find each other, instead of torchrun's port."""


def group_size() -> int:
    """How many there are; 1 for a process that is alone."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def group_rank() -> int:
    """Which of them this one is, from 0."""
    return int(os.environ["RANK"]) if group_size() > 1 else 0
