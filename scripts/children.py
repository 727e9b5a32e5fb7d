"""Processes beside a training: started in one way, so that none of them gets in its way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def start_child(module: str, *words: str | Path, said: Path, threads: int) -> subprocess.Popen[bytes]:
    """`python -m module words`; said: file that takes all it says. OSError if the system refuses."""
    with said.open("wb") as told:
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": str(threads)},
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the training, which ends its child itself. No session of its own: Linux shares cores
            # among sessions first, and being nice within one's own is of no use to the training.
            process_group=0,
        )
