"""Every fault: a new file of them needs a line here, and nothing else."""

from __future__ import annotations

from tests.faults import data_files, downloads, full_disk, kills, surroundings, workers
from tests.faults.registry import FAULTS

MODULES = (data_files, full_disk, downloads, kills, workers, surroundings)

__all__ = ["FAULTS", "MODULES"]
