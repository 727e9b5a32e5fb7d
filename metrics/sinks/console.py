"""Progress for people: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from metrics import registry
from metrics.hub import RunInfo, metric_sink
from utils.logger import console, get_logger

log = get_logger(__name__)
SHOWN = (
    (registry.REWARD, "reward {:+.4f}"),
    (registry.EPISODE_PNL, "episode P&L {:+.2f} $"),
    (registry.DRAWDOWN, "drawdown {:.2%}"),
    (registry.WIN_SHARE, "wins {:.0%}"),
    (registry.APPROX_KL, "kl {:.4f}"),
    (registry.STAGE, "stage {:.0f}"),
    (registry.STAGE_PROGRESS, "{:.0%} of it"),
    (registry.STAGE_RETURN, "its return {:+.4f}"),
    (registry.UNIFORM_SHARE, "uniform {:.0%}"),
    (registry.DAYS_LEFT, "{:.0f} days to come"),
    (registry.POINTS_LEFT, "{:.0f} points to come"),
)


@metric_sink("console")
class ConsoleSink:
    """Steps, speed, time left and the numbers in SHOWN."""

    def __init__(self, run: RunInfo) -> None:
        self._run = run
        self._start = self._said = time.monotonic()
        self._first = True
        self._unsaid = ""
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
            self._bar = Progress(*columns, TimeElapsedColumn(), console=console)
            self._task = self._bar.add_task(run.name, total=1.0, text="first rollout")
            self._bar.start()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Show it: at once on a terminal, at most every `log_every_s` in a log."""
        if registry.STEPS_PER_S.name not in values:  # a score that came late, not a rollout
            return
        now, line = time.monotonic(), self._line(step, values)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._share(values), text=line)
        elif now - self._said >= self._run.log_every_s or self._first:
            log.info(line)
            self._said = now
            line = ""
        self._unsaid = line
        self._first = False

    def _share(self, values: Mapping[str, float]) -> float:
        """Share of the run's time that is over."""
        elapsed = values.get(registry.ELAPSED_S.name, time.monotonic() - self._start)
        whole = elapsed + values.get(registry.ETA_S.name, 0.0)
        return elapsed / whole if whole > 0 else 0.0

    def _line(self, step: int, values: Mapping[str, float]) -> str:
        left = values.get(registry.ETA_S.name, 0.0)
        parts = [f"step {step:,}", f"{values.get(registry.STEPS_PER_S.name, 0.0):,.0f} steps/s"]
        parts += [f"{left // 60:.0f}:{left % 60:02.0f} left"]
        return ", ".join([*parts, *(text.format(values[m.name]) for m, text in SHOWN if m.name in values)])

    def close(self) -> None:
        """Leave the last line standing."""
        if self._bar is not None:
            self._bar.stop()
        elif self._unsaid:
            log.info(self._unsaid)
