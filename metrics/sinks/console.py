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
)


@metric_sink("console")
class ConsoleSink:
    """Steps, speed, time left and the numbers in SHOWN."""

    def __init__(self, run: RunInfo) -> None:
        self._run = run
        self._start = self._said = time.monotonic()
        self._first_step: int | None = None
        self._last_line = ""
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
            self._bar = Progress(*columns, TimeElapsedColumn(), console=console)
            self._task = self._bar.add_task(run.name, total=1.0, text="first rollout")
            self._bar.start()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Show it: at once on a terminal, at most every `log_every_s` in a log."""
        now = time.monotonic()
        if self._first_step is None:
            self._first_step = step
        share, left = self._share(step, now)
        line = self._line(step, left, values)
        if self._bar is not None:
            self._bar.update(self._task, completed=share, text=line)
        elif now - self._said >= self._run.log_every_s or not self._last_line:
            log.info(line)
            self._said = now
        self._last_line = line

    def _share(self, step: int, now: float) -> tuple[float, float]:
        """Share that is done and seconds left, whichever limit (steps, time) comes first."""
        elapsed = max(now - self._start, 1e-9)
        limits = [step / self._run.total_steps]
        if self._run.time_limit_s:
            limits.append(elapsed / self._run.time_limit_s)
        share = min(max(limits), 1.0)
        return share, elapsed * (1.0 - share) / share if share else 0.0

    def _line(self, step: int, left: float, values: Mapping[str, float]) -> str:
        speed = values.get(registry.STEPS_PER_S.name, 0.0)
        numbers = [text.format(values[m.name]) for m, text in SHOWN if m.name in values]
        return ", ".join(
            [f"step {step:,}", f"{speed:,.0f} steps/s", f"{left / 60:.0f} min {left % 60:02.0f} s left", *numbers]
        )

    def close(self) -> None:
        """Leave the last line standing."""
        if self._bar is not None:
            self._bar.stop()
        elif self._last_line:
            log.info(self._last_line)
