"""Progress for people: a live view on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table

from metrics import registry as names
from metrics.figures import key_figures, lane_line, progress, speed_line
from metrics.hub import RunInfo, metric_sink
from metrics.notes import Kind
from metrics.publisher import Note
from utils.logger import console, get_logger

log = get_logger(__name__)
COLUMNS = 3
"""Of the table of key figures."""


@metric_sink("console")
class ConsoleSink:
    """Stage, day, progress, time left and the key figures."""

    def __init__(self, run: RunInfo) -> None:
        self._run = run
        self._said = time.monotonic()
        self._first = True
        self._unsaid = ""
        self._view = LiveView(run.name)
        self._live: Live | None = None
        if console.is_terminal:
            self._live = Live(self._view, console=console, refresh_per_second=2, transient=False)
            self._live.start()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Show it: at once on a terminal, at most every `log_every_s` in a log."""
        self._view.values |= values
        self._view.step = step
        if self._live is not None or names.STEPS_PER_S.name not in values:  # a score that came late, not a rollout
            return
        now, line = time.monotonic(), self._line(step, values)
        if now - self._said >= self._run.log_every_s or self._first:
            log.info(line)
            self._said = now
            line = ""
        self._unsaid = line
        self._first = False

    def rows(self, step: int, tables: Mapping[str, npt.NDArray[np.void]]) -> None:  # noqa: ARG002 - sinks are told
        """Remember where the lane that is followed stands."""
        if "live" in tables and self._run.days:
            row = tables["live"][-1]
            day = self._run.days[int(row["day"])].day
            told: dict[str, Any] = {name: row[name].item() for name in ("lane", "second", "position", "equity")}
            known = {name: row[name].item() for name in ("hold", "buy", "sell") if not np.isnan(row[name])}
            self._view.lane = lane_line({**told, **known, "symbol": day.symbol, "date": day.date.isoformat()})

    def note(self, note: Note) -> None:
        """Remember the stage."""
        if note.kind == Kind.STAGE:
            self._view.stage = str(note.data.get("name", ""))

    def close(self) -> None:
        """Leave the last figures standing."""
        if self._live is not None:
            self._live.stop()
        elif self._unsaid:
            log.info(self._unsaid)

    def _line(self, step: int, values: Mapping[str, float]) -> str:
        stage = [f"stage {self._view.stage}"] if self._view.stage else []
        figures = [f"{label} {text}" for label, text in key_figures(values) if not stage or label != "stage"]
        return ", ".join([speed_line(step, values), *stage, *figures])


class LiveView:
    """What the terminal shows; drawn again twice a second."""

    def __init__(self, name: str) -> None:
        self.name, self.stage, self.lane = name, "", ""
        self.step = 0
        self.values: dict[str, float] = {}

    def __rich__(self) -> RenderableType:
        """A panel of the progress, the lane and the key figures."""
        if not self.step:
            return Panel("first rollout", title=self.name, expand=False)
        parts: list[RenderableType] = [ProgressBar(total=1.0, completed=progress(self.values)), self._where()]
        parts += [self.lane] if self.lane else []
        return Panel(Group(*parts, figure_table(self.values)), title=self.name, expand=False)

    def _where(self) -> str:
        stage = f", stage {self.stage}" if self.stage else ""
        return speed_line(self.step, self.values) + stage


def figure_table(values: Mapping[str, float]) -> Table:
    """The key figures in a few columns."""
    table = Table.grid(padding=(0, 2))
    cells = [cell for label, text in key_figures(values) for cell in (label, text)]
    cells += [""] * (-len(cells) % (2 * COLUMNS))
    for _ in range(COLUMNS):
        table.add_column(style="dim")
        table.add_column(justify="right")
    for start in range(0, len(cells), 2 * COLUMNS):
        table.add_row(*cells[start : start + 2 * COLUMNS])
    return table
