"""Processes beside a training: started in one way, so that none of them gets in its way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def start_child(
    module: str, *words: str | Path, said: Path, threads: int, asked: bool = False
) -> subprocess.Popen[bytes]:
    """`python -m module words`. OSError if the system refuses.

    said: file that takes all it says; asked: its stdin and stdout are pipes, for questions and answers.
    """
    with said.open("wb") as told:
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
            stdout=subprocess.PIPE if asked else told,
            stderr=told,
            # Ctrl-C is for the training, which ends its child itself. No session of its own: Linux shares cores
            # among sessions first, and being nice within one's own is of no use to the training.
            process_group=0,
        )
