"""What every command waits for before it can say a word: no library of those that only few commands need."""

from __future__ import annotations

import subprocess
import sys

from utils.paths import ROOT

HEAVY = (
    "arch",
    "captum",
    "dash",
    "databento",
    "matplotlib",
    "numba",
    "optuna",
    "pandas",
    "polars",
    "scipy",
    "torch",
    "wandb",
)


def test_the_programs_start_without_heavy_libraries() -> None:
    code = "import sys, main, optuna_optimization, scripts.dashboard, scripts.status; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(done.stdout.split())
