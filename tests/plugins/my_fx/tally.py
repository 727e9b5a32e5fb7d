"""A metric, the collector that gives it, and a sink."""

from __future__ import annotations

from collections.abc import Mapping

from metrics.collecting import collector
from metrics.hub import metric_sink
from metrics.registry import Better, metric
from metrics.rollout import Rollout
from metrics.run_info import RunInfo

BUYS = metric("tally/buys", "count", Better.NEITHER, "steps that bought", "tally")


@collector("tally")
def tally(rollout: Rollout) -> dict[str, float]:
    """Counted over the rollout."""
    return {BUYS.name: float((rollout.steps["filled"] > 0).sum())}


@metric_sink("lines")
class Lines:
    """A text file."""

    def __init__(self, run: RunInfo) -> None:
        self._file = (run.folder / "lines.txt").open("a")

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """The numbers of a rollout; those of a validation come by themselves."""
        if BUYS.name in values:
            self._file.write(f"{step} {values[BUYS.name]:g}\n")

    def close(self) -> None:
        """Once, at the end."""
        self._file.close()
