from __future__ import annotations

import subprocess
import sys

import pytest

from utils.paths import ROOT


@pytest.mark.parametrize("first", ["numba", "utils.hashing", "utils.jit"])
def test_kernels_are_kept_by_the_hash_of_all_sources_whoever_imports_numba_first(first: str) -> None:
    code = f"import {first}; from utils.jit import kernel_sources_hash, numba; "
    code += "assert numba.config.CACHE_DIR.endswith(kernel_sources_hash()), numba.config.CACHE_DIR"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
