"""Explain a policy in a process of its own: `python -m scripts.explain.child FOLDER`, see explainer.py.

It only gets time that nobody else wants, and no more memory than it is allowed: that is seen to before anything heavy
is imported. It ends with whoever started it.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from config.schema.explain import NICEST
from scripts.command import exit_code
from utils.logger import setup_logging

REQUEST, POLICY, DECISIONS, SEEN = "request.json", "policy", "decisions.npz", "seen.npy"
"""Of the folder: what is asked, a saved model, its decisions, moments that the lanes were at."""
PR_SET_PDEATHSIG = 1
"""Of linux/prctl.h."""


def step_back(memory_mb: int, nice: int) -> None:
    """Be bounded and out of the way. What a process may hold of its own counts, not the files that it maps."""
    resource.setrlimit(resource.RLIMIT_DATA, (memory_mb << 20, memory_mb << 20))
    os.nice(nice)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if nice == NICEST:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def run(arguments: Sequence[str]) -> int:
    """The child process."""
    work = Path(arguments[0])
    request = json.loads((work / REQUEST).read_text())
    step_back(request["memory_mb"], request["nice"])
    setup_logging()
    from scripts.explain.work import explain_request

    explain_request(work, request)
    return 0


if __name__ == "__main__":
    sys.exit(exit_code(run))
